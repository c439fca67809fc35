"""The part of Ray that fastsgns.cluster uses, in one process, with losses of workers wherever a test wants them.

Calls run in an order drawn from a seed that Ray could take as well: those of one actor in the order in which they were
made, each once what it is given is there. What would wait for ever is an error.
"""

import itertools
import pickle
import random
from types import SimpleNamespace

import numpy as np


class RayError(Exception):
    pass


class RayActorError(RayError):
    pass


class RayTaskError(RayError):
    def __init__(self, cause):
        super().__init__(str(cause))
        self.cause = cause


class Hang(AssertionError):
    pass


class Ref:
    """What a call gives, or one of several; `results` holds it when it is there."""

    def __init__(self, value=None):
        self.results = [] if value is None else [value]


def copied(value):
    """As it comes out of the object store: another one, whose arrays cannot be written to."""
    value = pickle.loads(pickle.dumps(value))
    for part in value if isinstance(value, (tuple, list)) else [value]:
        if isinstance(part, np.ndarray):
            part.flags.writeable = False
    return value


class Method:
    def __init__(self, owner, name, num_returns=1):
        self.owner, self.name, self.num_returns = owner, name, num_returns

    def options(self, num_returns=1, **_):
        return Method(self.owner, self.name, num_returns)

    def remote(self, *args):
        self.owner.ray.before_call("remote")
        refs = [Ref() for _ in range(self.num_returns)]
        self.owner.queue.append((self.name, args, refs))
        if self.owner.dead:
            self.owner.ray.kill(self.owner)
        self.owner.ray.step()
        return refs if self.num_returns > 1 else refs[0]


class Actor:
    def __init__(self, ray, make, starts):
        self.ray, self.queue, self.number = ray, [], len(ray.actors)
        self.starts, self.dead = starts, False
        self.itself = make() if starts else None
        ray.actors.append(self)

    def __getattr__(self, name):
        return Method(self, name)


class Tasks:
    """Functions that run anywhere; never lost."""

    def __init__(self, ray, function):
        self.ray, self.queue, self.starts, self.dead = ray, [], True, False
        self.itself = SimpleNamespace(run=function)
        ray.actors.append(self)

    def options(self, **_):
        return self

    def remote(self, *args):
        return Method(self, "run").remote(*args)


class FakeRay:
    """In place of the module.

    Parameters
    ----------
    seed : int
    losses : mapping of int to (int, bool)
        After so many calls that ran, which actor is lost, and whether what it has given before is lost with it.
    room : bool
        Whether there is room to start actors in place of lost ones.
    """

    def __init__(self, seed=0, losses=None, room=True, cores=(1, 1, 1)):
        self.random, self.losses, self.room, self.cores = random.Random(seed), dict(losses or {}), room, cores
        self.actors, self.calls, self.given = [], 0, {}
        self.exceptions = SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError, RayActorError=RayActorError)
        self.before_call = lambda name: None  # what the driver asks of Ray

    def nodes(self):
        return [{"Alive": True, "Resources": {"CPU": float(cores)}} for cores in self.cores]

    def remote(self, what):
        if not isinstance(what, type):
            return Tasks(self, what)
        started = itertools.count()

        def start(*args):
            return Actor(self, lambda: what(*args), self.room or next(started) < len(self.cores))

        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=start))

    def put(self, value):
        self.before_call("put")
        return Ref(copied(value))

    def kill(self, actor):
        actor.dead = True
        for _, _, refs in actor.queue:
            for ref in refs:
                ref.results = [RayActorError(f"actor {actor.number} is dead")]
        actor.queue.clear()

    def lose(self, number, objects):
        actor = self.actors[number]
        if not isinstance(actor, Actor):
            return
        self.kill(actor)
        if objects:  # large ones: the others Ray gives to the driver at once
            for ref in self.given.get(actor, ()):
                if isinstance(ref.results[0], np.ndarray):
                    ref.results = [RayActorError(f"an object of actor {number} is lost")]

    def runnable(self):
        for actor in self.actors:
            if actor.queue and actor.starts:
                _, args, _ = actor.queue[0]
                if all(arg.results for arg in args if isinstance(arg, Ref)):
                    yield actor

    def step(self, force=False):
        """Run some calls, or none; with `force`, one at least, if there is any. Whether one was."""
        ran = False
        while force or self.random.random() < 0.5:
            ready = list(self.runnable())
            if not ready:
                break
            self.run(self.random.choice(ready))
            ran, force = True, False
        return ran

    def run(self, actor):
        name, args, refs = actor.queue.pop(0)
        self.calls += 1
        lost, objects = self.losses.pop(self.calls, (None, False))
        values = [arg.results[0] if isinstance(arg, Ref) else arg for arg in args]
        failed = [value for value in values if isinstance(value, RayError)]
        if lost is not None and self.actors[lost] is actor:  # in the middle of it
            actor.queue.insert(0, (name, args, refs))
            self.lose(lost, objects)
            return
        try:
            if failed:
                raise failed[0].cause if isinstance(failed[0], RayTaskError) else failed[0]
            found = copied(getattr(actor.itself, name)(*values))
        except Exception as error:
            found = RayTaskError(error)
        for place, ref in enumerate(refs):
            several = len(refs) > 1 and not isinstance(found, RayTaskError)
            ref.results = [found[place] if several else found]
        self.given.setdefault(actor, []).extend(refs)
        if lost is not None:
            self.lose(lost, objects)

    def wait(self, refs, num_returns=1, timeout=None, fetch_local=True):
        assert len(set(refs)) == len(refs) >= num_returns
        self.before_call("wait")
        while sum(bool(ref.results) for ref in refs) < num_returns:
            if not self.step(force=True):
                if timeout is None:
                    raise Hang("calls wait for ever")
                break
        ready = [ref for ref in refs if ref.results][: None if timeout else num_returns]
        return ready, [ref for ref in refs if ref not in ready]

    def get(self, refs, timeout=None):
        self.before_call("get")
        several = isinstance(refs, list)
        refs = refs if several else [refs]
        while not all(ref.results for ref in refs):
            if any(isinstance(ref.results[0], RayError) for ref in refs if ref.results):
                break
            if not self.step(force=True):
                raise Hang("a result is waited for that never comes")
        for ref in refs:
            if ref.results and isinstance(ref.results[0], RayError):
                raise ref.results[0]
        values = [ref.results[0] for ref in refs]
        return values if several else values[0]
