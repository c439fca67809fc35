"""The part of Ray that fastsgns.cluster uses, in one process, with losses of workers wherever a test wants them.

Calls run in an order drawn from a seed that Ray could take as well: those of one actor are taken up in the order in
which they were made, each once what it is given is there; those of a group run one after the other, beside those of
others.
What would wait for ever is an error.
"""

import itertools
import pickle
import random
from itertools import takewhile
from types import SimpleNamespace
from typing import NamedTuple

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


class Call(NamedTuple):
    name: str
    args: tuple
    refs: list
    group: str | None

    @property
    def ready(self):
        return all(arg.results for arg in self.args if isinstance(arg, Ref))


class Method:
    def __init__(self, owner, name, num_returns=1, group=None):
        self.owner, self.name, self.num_returns, self.group = owner, name, num_returns, group

    def options(self, num_returns=1, concurrency_group=None):
        return Method(self.owner, self.name, num_returns, concurrency_group)

    def remote(self, *args):
        self.owner.ray.before_call("remote")
        refs = [Ref() for _ in range(self.num_returns)]
        self.owner.queue.append(Call(self.name, args, refs, self.group))
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

    def remote(self, function=None, **_):
        if function:
            return Tasks(self, function)

        def actor_class(make):
            started = itertools.count()

            def start(*args):
                return Actor(self, lambda: make(*args), self.room or next(started) < len(self.cores))

            return SimpleNamespace(remote=start)

        return actor_class

    def put(self, value):
        self.before_call("put")
        return Ref(copied(value))

    def kill(self, actor):
        actor.dead = True
        for call in actor.queue:
            for ref in call.refs:
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
            groups = set()
            for call in takewhile(lambda call: call.ready, actor.queue if actor.starts else ()):
                if call.group not in groups:
                    groups.add(call.group)
                    yield actor, call

    def step(self, force=False):
        """Run some calls, or none; with `force`, one at least, if there is any. Whether one was."""
        ran = False
        while force or self.random.random() < 0.5:
            ready = list(self.runnable())
            if not ready:
                break
            self.run(*self.random.choice(ready))
            ran, force = True, False
        return ran

    def run(self, actor, call):
        name, args, refs, _ = call
        self.calls += 1
        lost, objects = self.losses.pop(self.calls, (None, False))
        values = [arg.results[0] if isinstance(arg, Ref) else arg for arg in args]
        failed = [value for value in values if isinstance(value, RayError)]
        if lost is not None and self.actors[lost] is actor:  # in the middle of it
            self.lose(lost, objects)
            return
        actor.queue.remove(call)
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
