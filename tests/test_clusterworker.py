"""Workers of a cluster in one process, driven as fastsgns.cluster drives them: the same bits everywhere, as good."""

import numpy as np
import pytest

import planted
from fastsgns import Word2Vec, clusterworker, course, trainer
from fastsgns.clusterworker import (
    ClusterWorker,
    WordCounts,
    WorkerPlace,
    by_owner,
    merge_words,
)
from fastsgns.corpus import encode_files, encode_sentences
from fastsgns.course import Course, Round, ahead_and_rest
from fastsgns.distributed import deal_shares
from fastsgns.matrices import aligned_matrix, initial_vectors
from fastsgns.options import TrainingOptions
from fastsgns.shares import cut_files
from fastsgns.trainer import total
from fastsgns.vocabulary import Vocabulary, VocabularyRules

UNIT = 40
SENTENCES = planted.corpus(1500)


@pytest.fixture(autouse=True)
def small_units(monkeypatch):
    for module in (trainer, course, clusterworker):
        monkeypatch.setattr(module, "UNIT_WORDS", UNIT)


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "planted.txt"
    path.write_text("".join(" ".join(sentence) + "\n" for sentence in SENTENCES), encoding="utf-8")
    return path


class Team:
    """Workers in one process, and rounds that they train one after the other."""

    def __init__(self, shares, n, owners=None, frozen=None, dim=16, round_words=UNIT * 7, rules=None, **options):
        self.options = TrainingOptions(**{"workers": 1, "sample": 0.0, "epochs": 5, "alpha": 0.05, **options})
        self.workers = {number: ClusterWorker(self.options.workers, "strict") for number in range(n)}
        self.deal, self.owners = deal_shares(len(shares), range(n)), owners or n
        found = WordCounts([], np.zeros(0, np.int64), 0, 0)
        for number, worker in self.workers.items():
            for share in self.deal[number]:
                found = merge_words(found, worker.scan({share: shares[share]}))
        rules = rules or VocabularyRules(min_count=1)
        kept = rules.select(found.counts, None, lambda rows: [found.words[row] for row in rows.tolist()])
        words = [found.words[row] for row in kept.tolist()]
        self.vocabulary = Vocabulary(words, found.counts[kept], found.raw_words, found.sentences)
        sizes = {}
        for worker in self.workers.values():
            sizes |= worker.encode(self.vocabulary)
        self.sizes = [sizes[share] for share in sorted(sizes)]
        self.frozen, self.counts = frozen, self.vocabulary.counts
        vectors = initial_vectors(len(words), dim, 1)
        for worker in self.workers.values():
            worker.begin(self.options, self.counts, vectors, aligned_matrix(len(words), dim), frozen, 0)
        self.course = Course(self.counts, self.options, [size.words for size in self.sizes], round_words)
        self.reports, self.merged, self.rounds = [], [], []

    def train_round(self, complete=False, again=None):
        planned = self.course.plan(self.deal, complete, again)
        if self.merged:
            for me, worker in self.workers.items():
                worker.train_ahead(planned, me)
        given = [worker.train(planned, me, self.owners, *self.merged) for me, worker in self.workers.items()]
        self.merged = [
            list(self.workers.values())[owner % len(self.workers)]
            .merge(planned, owner, self.owners, *(changes[1 + owner] for changes in given))
            .copy()  # as it would come out of the object store
            for owner in range(self.owners)
        ]
        self.reports += [changes[0] for changes in given]
        self.rounds.append(planned)
        return planned

    def finish(self):
        for worker in self.workers.values():
            worker.finish(self.course.number, *self.merged)

    def train(self):
        while not self.course.finished:
            self.train_round()
        self.finish()
        return self

    def states(self):
        return [[matrix.copy() for matrix in worker.state()] for worker in self.workers.values()]

    def total(self):
        return total(report.counts for report in self.reports)


def check_alike(team, whole=True):
    states = team.states()
    for worker, state in zip(team.workers.values(), states, strict=True):
        for found, expected, own in zip(state, states[0], worker.own, strict=True):
            np.testing.assert_array_equal(found, expected)
            if whole:  # but for what rounding left
                np.testing.assert_allclose(own, expected, atol=5e-3)
    return states[0]


def cuts(text, n):
    return dict(enumerate(cut_files([text], n)))


@pytest.mark.parametrize("owners", [1, 2, 5])
@pytest.mark.parametrize("busiest", [8, 4096])
def test_all_have_the_same_bits_after_every_round_that_merges_all(text, owners, busiest, monkeypatch):
    monkeypatch.setattr("fastsgns.merging.BUSIEST", busiest)
    team = Team(cuts(text, 6), 3, owners, epochs=2)
    before = check_alike(team)
    while not team.course.finished:
        planned = team.train_round(complete=team.course.number % 7 == 6)
        if planned.complete:
            team.finish()
            after = check_alike(team)
            assert all((new != old).any(axis=1).mean() > 0.9 for new, old in zip(after, before, strict=True))
            before = after
    if busiest == 8:
        check_alike(team)
        assert {len(rows) for planned in team.rounds for rows, _ in planned.due} - {len(team.counts)}


def test_memory_for_changes_is_taken_once(text, monkeypatch):
    monkeypatch.setattr("fastsgns.merging.BUSIEST", 8)
    team = Team(cuts(text, 4), 2)

    def buffers():
        return [worker.buffers[owner].rows for worker in team.workers.values() for owner in (0, 1, -1)]

    team.train_round()
    before = buffers()
    planned = team.train_round(complete=True)
    assert all(len(rows) == len(team.counts) for rows, _ in planned.due)
    assert all(after is taken for after, taken in zip(buffers(), before, strict=True))


@pytest.mark.parametrize("n", [1, 3])
def test_every_word_is_trained_in_every_epoch(text, n):
    team = Team(cuts(text, 7), n, epochs=3).train()
    words = sum(len(sentence) for sentence in SENTENCES)
    counts = team.total()
    assert counts[0] == counts[1] == 3 * words  # of which none are left out
    assert sum(size.words for size in team.sizes) == words
    assert sum(size.sentences for size in team.sizes) == len(SENTENCES)
    pairs = Team(cuts(text, 7), 1, epochs=3).train().total()[2]
    assert counts[2] == pairs  # whoever draws


def test_one_worker_with_one_share_is_one_machine(text, monkeypatch):
    """But for the seed, of the share, and the order of additions."""
    team = Team(cuts(text, 1), 1).train()
    seed = int(np.random.SeedSequence([1, 0]).generate_state(1, np.uint64)[0])
    vocabulary, corpus = encode_files(text, rules=VocabularyRules(min_count=1), workers=1)
    vectors, outputs = initial_vectors(len(vocabulary), 16, 1), aligned_matrix(len(vocabulary), 16)
    result = trainer.train(corpus, vocabulary.counts, vectors, outputs, TrainingOptions(
        workers=1, sample=0.0, epochs=5, alpha=0.05, seed=seed
    ))  # fmt: skip
    np.testing.assert_array_equal(team.sizes[0].words, len(corpus.tokens))
    assert (result.words, result.pairs) == (team.total()[0], team.total()[2])
    for found, expected in zip(team.states()[0], (vectors, outputs), strict=True):
        np.testing.assert_allclose(found, expected, atol=2e-3)


def quality(words, vectors):
    """Shares of nearest words that are of the same topic, and of analogies of the grid that hold."""
    index = {word: row for row, word in enumerate(words)}
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    topics = [word for word in words if word.startswith("topic")]
    near = unit[[index[word] for word in topics]] @ unit.T
    near[np.arange(len(topics)), [index[word] for word in topics]] = -1
    best = np.argsort(-near, axis=1)[:, :5]
    same = [
        words[row].split("_")[0] == topic.split("_")[0]
        for topic, rows in zip(topics, best, strict=True)
        for row in rows
    ]
    right = 0
    for a, b, c, d in planted.analogies():
        scores = unit @ (unit[index[b]] - unit[index[a]] + unit[index[c]])
        scores[[index[a], index[b], index[c]]] = -9
        right += words[int(scores.argmax())] == d
    return float(np.mean(same)), right / len(planted.analogies())


@pytest.mark.parametrize("n", [1, 3])
def test_the_planted_structure_is_learnt_as_on_one_machine(text, n):
    found = []
    for seed in range(2):
        team = Team(cuts(text, 4), n, dim=32, epochs=8, seed=seed, window=6, round_words=1024).train()
        found.append(quality(team.vocabulary.words, team.states()[0][0]))
    model = Word2Vec(
        corpus_file=text, vector_size=32, epochs=8, window=6, sample=0.0, alpha=0.05, min_count=1, workers=1
    )
    expected = quality(model.wv.index_to_key, model.wv.vectors)
    assert min(expected) > 0.5
    assert (np.mean(found, axis=0) > np.array(expected) - 0.1).all()


def test_frozen_rows_stay(text):
    frozen = np.random.default_rng(1).random(260) < 0.3
    team = Team(cuts(text, 3), 2, frozen=frozen, epochs=1)
    before = team.states()[0]
    team.train()
    vectors, outputs = check_alike(team)
    changed = (vectors != before[0]).any(axis=1)
    assert len(frozen) == len(changed) and not changed[frozen].any() and changed[~frozen].all()
    assert (outputs != before[1]).any(axis=1).mean() > 0.9


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("n", [1, 2, 9])
def test_shares_are_together_the_corpus(text, n, workers):
    rules = VocabularyRules(min_count=40, max_final_vocab=150)
    team = Team(cuts(text, n), min(n, 2), workers=workers, rules=rules)
    vocabulary, corpus = encode_files(text, rules=rules, workers=1)
    assert team.vocabulary.words == vocabulary.words
    np.testing.assert_array_equal(team.counts, vocabulary.counts)
    assert (team.vocabulary.raw_words, team.vocabulary.sentences) == (corpus.raw_words, corpus.sentences_read)
    corpora = {share: part for worker in team.workers.values() for share, part in worker.corpora.items()}
    in_order = [corpora[share] for share in sorted(corpora)]
    np.testing.assert_array_equal(np.concatenate([part.tokens for part in in_order]), corpus.tokens)
    lengths = np.concatenate([np.diff(part.offsets) for part in in_order])
    np.testing.assert_array_equal(lengths, np.diff(corpus.offsets))


def test_shares_of_sentences():
    shares = {0: [["b", "a"], []], 1: [["c", 7, "b"]]}
    team = Team(shares, 2, epochs=1, rules=VocabularyRules(min_count=1, sorted_vocab=False))
    vocabulary, _ = encode_sentences(
        [["b", "a"], [], ["c", 7, "b"]], rules=VocabularyRules(min_count=1, sorted_vocab=False)
    )
    assert team.vocabulary.words == vocabulary.words == ["b", "a", "c", 7]
    assert team.counts.tolist() == [2, 1, 1, 1]


def test_a_share_without_a_word_is_trained_by_nobody(text):
    team = Team(
        {0: [], 1: [["a", "b", "a"]] * 300, 2: [["d"]]}, 2, epochs=2, rules=VocabularyRules(min_count=5)
    ).train()
    assert [size.words for size in team.sizes] == [0, 900, 0]
    assert team.total()[0] == 1800


@pytest.mark.parametrize("ahead", [False, True])
def test_a_worker_that_missed_a_merge_catches_up(text, ahead, monkeypatch):
    monkeypatch.setattr("fastsgns.merging.BUSIEST", 50)
    team, other = (Team(cuts(text, 4), 2, epochs=1) for _ in range(2))
    for each in (team, other):
        for _ in range(4):
            each.train_round()
        if ahead:
            planned = each.course.plan(each.deal)
            for me, worker in each.workers.items():
                worker.train_ahead(planned, me)
    first, second = team.workers.values()
    assert first.where() == WorkerPlace(4, 3, (0, 1)) and second.where() == WorkerPlace(4, 3, (2, 3))
    first.finish(4, *team.merged)
    second.catch_up(*first.state())
    assert first.where().merged == second.where().merged == 4
    for worker in other.workers.values():
        worker.finish(4, *other.merged)
    for worker, expected_of in zip(team.workers.values(), other.workers.values(), strict=True):
        for found, expected in zip(worker.own, expected_of.own, strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-6)
    check_alike(team, whole=False)
    for each in (team, other):
        each.merged = []
        if ahead:
            each.train_round(again=each.course.go_back(5))
        each.train()
    assert team.total() == pytest.approx(other.total(), rel=1e-4) and team.total()[0] == team.course.epoch_words
    for found, expected in zip(check_alike(team), check_alike(other), strict=True):
        np.testing.assert_allclose(found, expected, atol=5e-3)


def test_what_was_trained_ahead_is_not_trained_again(text):
    team = Team(cuts(text, 4), 2, epochs=1)
    team.train_round()
    planned = team.course.plan(team.deal)
    for me, worker in team.workers.items():
        before = [matrix.copy() for matrix in worker.own]
        worker.train_ahead(planned, me)
        after = [matrix.copy() for matrix in worker.own]
        assert all((new != old).any() for new, old in zip(after, before, strict=True))
        worker.train_ahead(planned, me)
        for found, expected in zip(worker.own, after, strict=True):
            np.testing.assert_array_equal(found, expected)
        assert worker.ahead.units == ahead_and_rest(planned.units[me])[0] != []
    reports = [worker.train(planned, me, 2, *team.merged)[0] for me, worker in team.workers.items()]
    for me, report in enumerate(reports):
        assert report.counts[0] == sum(team.course.words_of(part) for part in planned.units[me])
    assert [worker.where().trained for worker in team.workers.values()] == [2, 2]


def test_a_round_of_which_other_units_were_trained_ahead_is_trained_whole(text):
    """Who takes over a lost worker's shares may get more than was planned before."""
    team = Team(cuts(text, 4), 2, epochs=1)
    team.train_round()
    planned = team.course.plan(team.deal)
    worker = team.workers[0]
    worker.train_ahead(planned, 0)
    more = Round(**{**vars(planned), "units": {0: [*planned.units[0], (1, 0, 3)]}})
    report = worker.train(more, 0, 2, *team.merged)[0]
    assert report.counts[0] == sum(team.course.words_of(part) for part in more.units[0])


def test_a_round_asked_for_again_is_not_trained_again(text):
    team, other = (Team(cuts(text, 4), 2, epochs=1) for _ in range(2))
    for each in (team, other):
        each.train_round()
        each.train_round()
    merged, team.merged = team.merged, []
    again = team.course.go_back(2)
    team.train_round(again=again)
    for found, expected in zip(team.merged, merged, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert [report.counts for report in team.reports[4:]] == [report.counts for report in team.reports[2:4]]
    for each in (team, other):
        each.finish()
        each.finish()  # once more changes nothing
    for found, expected in zip(check_alike(team), check_alike(other), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_round_planned_again_merges_the_rows_that_are_due_then(text, monkeypatch):
    """With a worker less, others may be due than who had trained it before knows of."""
    monkeypatch.setattr("fastsgns.merging.BUSIEST", 20)
    team = Team(cuts(text, 4), 3, epochs=1)
    for _ in range(3):
        team.train_round()
    again = team.course.go_back(3)
    team.course.schedule.progress = [progress + 1 for progress in team.course.schedule.progress]
    team.merged = []
    planned = team.train_round(again=again)
    assert [len(rows) for rows, _ in planned.due] != [len(rows) for rows, _ in again.due]
    team.finish()
    check_alike(team, whole=False)


def test_a_worker_that_begins_late_has_the_same(text):
    team = Team(cuts(text, 4), 2, epochs=1)
    for _ in range(3):
        team.train_round()
    team.finish()
    team.merged = []
    new = ClusterWorker(team.options.workers, "strict")
    new.scan({share: cuts(text, 4)[share] for share in team.deal[1]})
    new.encode(team.vocabulary)
    new.begin(team.options, team.counts, *team.workers[0].state(), None, 3)
    assert new.where() == WorkerPlace(3, 3, (2, 3))
    for found, expected in zip(new.state(), team.workers[1].state(), strict=True):
        np.testing.assert_array_equal(found, expected)
    team.workers[1] = new
    team.train()
    check_alike(team)


def test_missing_files_are_told_of(text, tmp_path):
    worker = ClusterWorker(1, "strict")
    size = text.stat().st_size
    stretches = cut_files([text], 2)[0]
    assert worker.missing(stretches, {str(text): size}) == []
    assert worker.missing(stretches, {str(text): 5}) == [f"{text}: {size} bytes there, 5 here"]
    gone = [clusterworker.Stretch(tmp_path / "gone")]
    assert worker.missing(gone, {str(tmp_path / "gone"): 5}) == [f"{tmp_path / 'gone'}: No such file or directory"]


def test_forget(text):
    worker = ClusterWorker(1, "strict")
    found = worker.scan({3: cuts(text, 1)[0]})
    worker.forget()
    assert worker.encode(Vocabulary(found.words, found.counts, 0, 0)) == {} and worker.where() == WorkerPlace(
        -1, -1, ()
    )


def test_rows_that_another_worker_merged_carry_on_nothing(text):
    """An owner that becomes another one has the last changes of other rows, though as many."""
    team = Team(cuts(text, 4), 2, epochs=1)
    planned = team.train_round()
    worker = team.workers[1]
    changes = [
        np.zeros((sum(len(by_owner(rows, 2)[owner]) for rows, _ in planned.due), 16), np.uint16) for owner in (0, 1)
    ]
    again = Round(**{**vars(planned), "number": planned.number + 1})
    assert not worker.merge(again, 0, 2, changes[0]).any()
