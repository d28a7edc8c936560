"""The claims of `demos/`: what they find, the map of them, the command line and the booklet."""

from __future__ import annotations

import html
import json
import re
import runpy
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from children import PATIENCE
from hypothesis import given, settings
from hypothesis import strategies as st
from sampling import thorough

ROOT = Path(__file__).parents[1]
DEMOS = ROOT / "demos"
SOME_AND_ALL = pytest.mark.parametrize(
    "chosen", [("W1", "W5", "W6"), pytest.param((), marks=pytest.mark.thorough, id="all")]
)
VERDICT = re.compile("holds|holds if .+|does not hold")


@pytest.fixture(scope="module", autouse=True)
def path() -> Iterator[None]:
    """The demos can be imported."""
    before = sys.path[:]
    sys.path.insert(0, str(DEMOS))
    yield
    sys.path[:] = before


@pytest.fixture(scope="module")
def claims() -> ModuleType:
    import claims

    return claims


class Quick(Mapping[str, Any]):
    """By number each claim and what a quick run has found, made when it is first asked for."""

    def __init__(self, claims: Iterable[Any]) -> None:
        self.claims = {claim.number: claim for claim in claims}
        self.found: dict[str, Any] = {}

    def __getitem__(self, number: str) -> Any:
        claim = self.claims[number]
        if number not in self.found:
            self.found[number] = claim.run(0, True)
        return claim, self.found[number]

    def __iter__(self) -> Iterator[str]:
        return iter(self.claims)

    def __len__(self) -> int:
        return len(self.claims)


@pytest.fixture(scope="module")
def quick(claims: ModuleType) -> Quick:
    return Quick(claims.find_claims())


def numbers(quick: Quick, number: str) -> dict[str, Any]:
    found: dict[str, Any] = quick[number][1].numbers
    return found


# -- all claims -----------------------------------------------------------------------------------


@pytest.mark.thorough
def test_the_map_is_what_a_fresh_run_finds(quick: Quick, claims: ModuleType) -> None:
    scripts = {
        claim.number: f"`{name}.py`" for name in claims.LESSONS for claim in __import__(name).CLAIMS
    }
    fresh = [
        f"| {number} | {claim.title} | {finding.verdict} | {scripts[number]} |"
        for number, (claim, finding) in quick.items()
    ]
    lines = (DEMOS / "README.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if re.match(r"\| W\d", line)] == fresh


@SOME_AND_ALL
def test_every_finding_is_whole(chosen: Sequence[str], quick: Quick) -> None:
    names: list[str] = []
    for number in chosen or quick:
        claim, finding = quick[number]
        assert VERDICT.fullmatch(finding.verdict)
        assert claim.title
        assert len(claim.claim) > 40
        assert finding.numbers
        assert all(isinstance(x, (int, float, str)) for x in finding.numbers.values())
        assert max(map(len, finding.text.splitlines())) <= 100
        assert finding.pictures
        names += [name for name, _, _ in finding.pictures]
        prefix = f"w{int(number[1:]):02}-"
        assert all(name.startswith(prefix) and said for name, _, said in finding.pictures)
    assert len(set(names)) == len(names)


def test_an_interval_is_of_the_mean_and_widens_with_the_spread(claims: ModuleType) -> None:
    narrow = claims.interval([0.9, 1.1] * 5)
    wide = claims.interval([0.0, 2.0] * 5)
    assert narrow.mean == pytest.approx(1)
    assert wide.margin == pytest.approx(10 * narrow.margin)
    assert wide.covers(0.1)
    assert not narrow.covers(0.7)


# -- single claims --------------------------------------------------------------------------------


def test_w1_paths_are_the_products_of_the_widths_between(quick: Quick) -> None:
    found = numbers(quick, "W1")
    name = "paths to an output from one of {}"
    assert found[name.format("the inputs")] == 4 * 3
    assert found[name.format("hidden layer 1")] == 3
    assert found[name.format("hidden layer 2")] == 1
    assert found["weights"] == 3 * 4 + 4 * 3 + 3 * 2


def test_pictures_are_the_same_however_often_they_are_drawn(quick: Quick) -> None:
    for number in ("W1", "W5", "W6"):
        for name, draw, _ in quick[number][1].pictures:
            first, second = (getattr(draw(False), "source", "") for _ in range(2))
            assert first == second, name


@given(st.integers(0, 10**6))
@settings(max_examples=5)
def test_w1_without_activations_a_network_is_a_linear_map(seed: int) -> None:
    import network

    assert network.misfit("none", seed) < 1e-12 < network.misfit("tanh", seed)
    assert network.distance_from_product(seed) < 1e-13


@pytest.mark.thorough
def test_w2_and_w3_are_judged_by_intervals(quick: Quick) -> None:
    found = numbers(quick, "W2") | numbers(quick, "W3")
    ratios = [str(x) for name, x in found.items() if " over " in name]
    assert len(ratios) == 5
    for text in ratios:
        middle, low, high = map(float, re.findall(r"[\d.]+", text))
        assert 1 < low < middle < high


@pytest.mark.thorough
def test_w3_averages_are_exact_where_all_is_linear_after_dropout(quick: Quick) -> None:
    found = numbers(quick, "W3")
    name = "the same in standard errors: {}"
    assert found[name.format("tanh, 1 hidden layer")] < 5
    assert found[name.format("tanh, 2 hidden layers")] > 10


def test_w4_decay_is_a_penalty_for_sgd_alone(quick: Quick) -> None:
    found = numbers(quick, "W4")
    name = "largest distance, penalty and decay: {}"
    assert found[name.format("SGD")] < 1e-13
    assert found[name.format("AdamW")] > 1e-2


@pytest.mark.parametrize(
    ("activation", "slope", "sums"),
    [("sigmoid", "h·(1 − h)", False), ("tanh", "1 − h·h", False), ("softplus", "σ(z)", True)],
)
def test_w5_spoilt_values_show_what_the_backward_pass_needs(
    activation: str, slope: str, sums: bool
) -> None:
    import network

    assert network.derivative(activation) == slope
    needed = network.needed(activation, 1)
    assert {"x", "h1", "W2", "h2", "v", "o − y"} <= set(needed)
    assert ("z1" in needed, "z2" in needed) == (sums, sums)
    assert not {"W1", "b1", "b2", "c", "y", "o", "L"} & set(needed)


def test_w5_layers_follow_each_other(quick: Quick) -> None:
    found = numbers(quick, "W5")
    computed = 2 * (4 + 3) + 2  # z and h of hidden neurons, z of outputs
    assert found["nodes of the graph"] == computed
    assert found["nodes that take only their layer and the one before"] == computed


def test_w6_names_both_signs(quick: Quick) -> None:
    found = numbers(quick, "W6")
    notes = found["∂J/∂o in the notes, y − o"]
    assert found["∂J/∂o by the engine"] == pytest.approx(-notes)
    assert found["∂J/∂o by differences"] == pytest.approx(-notes)
    text = quick["W6"][1].text
    assert "y − o" in text
    assert "o − y" in text


@given(st.tuples(*[st.integers(1, 9)] * 3))
@settings(max_examples=20)
def test_w10_counts_are_the_formulas_for_any_architecture(shape: tuple[int, int, int]) -> None:
    import counting

    d, h, o = shape
    found = counting.count(d, h, o, 0)
    assert found.parameters == counting.formula(d, h, o) == h * (d + 1) + o * (h + 1)
    assert (found.float64, found.float32, found.int8) == tuple(
        size * found.parameters for size in (8, 4, 1)
    )
    assert found.products == d * h + h * o


def test_w10_an_int8_answers_as_the_float_and_is_one_byte(quick: Quick) -> None:
    import counting

    found = numbers(quick, "W10")
    assert found["bytes as int8"] == found["parameters of the largest"]
    mean, margin = map(float, str(found["accuracy lost by int8"]).split(" ± "))
    assert mean + margin < 0.01
    trained = counting.classify(3)
    assert [layer.q.dtype.name for layer in trained.coarse.layers] == ["int8", "int8"]
    assert trained.accuracies[0] > 0.95
    assert 0 <= trained.changed < 0.02


def test_w8_names_the_step_the_node_and_the_line(quick: Quick) -> None:
    found, text = numbers(quick, "W8"), quick["W8"][1].text
    assert re.search(r"a node \(\S+, inf\) is not finite", text)
    assert re.search(r"made at: gradients\.py:\d+", text)
    assert found["first epoch with loss inf"] < found["first epoch with loss nan"] < 200
    assert re.search(r"^ +epoch 0, loss: \d{4,6}\.\d{5}$", text, re.MULTILINE)


def test_w8_takes_the_course_of_the_notes_log_in_its_format(quick: Quick) -> None:
    log = re.sub(
        r"\n +(?=[\d.])", "", quick["W8"][1].text
    )  # a long number goes on in the next line
    lines = re.findall(r"^ +epoch (\d+), loss: (inf|nan|\d+\.\d{5})$", log, re.MULTILINE)
    assert [int(epoch) for epoch, _ in lines] == list(range(0, 200, 20))
    first, *later = [float(loss) for _, loss in lines]
    assert 1e4 < first < 1e5
    assert 1e50 < later[0] < 1e150 < later[1] < 1e250 < later[2] < 1e308
    assert [str(loss) for loss in later[3:]] == ["inf"] * 3 + ["nan"] * 3


@pytest.mark.parametrize(("hits", "low", "high"), [(0, 0.0, 0.1), (50, 0.34, 0.66), (100, 0.9, 1)])
def test_a_share_of_all_or_of_none_is_not_certain(
    claims: ModuleType, hits: int, low: float, high: float
) -> None:
    assert claims.Share(hits, 100).bounds == pytest.approx((low, high), abs=0.01)
    few, many = claims.Share(hits, 100).bounds, claims.Share(10 * hits, 1000).bounds
    assert many[1] - many[0] < few[1] - few[0]


@pytest.mark.thorough
def test_w12_each_fault_kills_and_no_cure_comes_too_late(quick: Quick) -> None:
    found = numbers(quick, "W12")

    def share(name: str) -> list[float]:
        return [float(x) for x in re.findall(r"[\d.]+(?= [±%])", str(found[name]))]

    faults = [name for name in found if name.startswith("more than")]
    assert len(faults) == 4
    for name in faults:
        mean, margin = share(name)
        assert mean > margin
    assert found["dead units, all weights 0"] == "100.0 ± 0.0 %"
    assert found["dead units, rate 5, leaky ReLU"] == "0.0 ± 0.0 %"
    assert found["largest gradient of a dead unit's weights"] == 0.0
    assert share("revived by lower rate")[0] < 5 < share("revived by drawn anew by He")[0]


def test_w12_a_dead_unit_of_the_first_layer_never_moves() -> None:
    import dead_units

    killed = dead_units.kill(7)
    count, slope, other = dead_units.gradients(7, killed)
    assert count > 10
    assert slope == 0.0 < other
    revival = dead_units.revive(7, killed, "lower rate", 5)
    assert not revival.moved
    assert dead_units.revive(7, killed, "weight decay", 5).moved


@pytest.mark.thorough
def test_w15_counts_what_it_says_and_judges_depth_data_set_by_data_set(
    quick: Quick,
) -> None:
    import shapes

    found, text = numbers(quick, "W15"), quick["W15"][1].text
    gains = {
        name.partition(", ")[2]: [float(x) for x in re.findall(r"-?[\d.]+", str(gain))]
        for name, gain in found.items()
        if name.startswith("more right answers")
    }
    mean, margin = gains["spirals: 4 layers over 1"]
    assert mean > margin > 0
    assert gains["noisy line: 4 layers over 1"][0] < gains["noisy line: 4 layers over 1"][1]
    assert found["gradient, first over last of 32 layers"] < 0.1
    sizes = [shapes.parameters(width, depth) for depth, width in shapes.DEPTHS.items()]
    assert max(sizes) < 1.06 * min(sizes)
    assert "(L − 1)·n² + (L + 3)·n + 1" in text


@pytest.mark.thorough
def test_w15_is_not_judged_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    import itertools

    import shapes

    monkeypatch.setattr(shapes, "QUICK", (8, 4, (1, 4, 32)))
    monkeypatch.setattr(shapes, "DEPTHS", {1: 8, 4: 4, 32: 2})
    clock = itertools.cycle([0.0, 9.0, 1.0, 77.0])
    plain = shapes.depth_and_width(0, True)
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    busy = shapes.depth_and_width(0, True)
    assert busy.verdict == plain.verdict
    assert busy.numbers == plain.numbers
    assert busy.text != plain.text


LOG = r"Epoch \[(\d+)\], Loss: (\d\.\d{4}), Accuracy: ([01]\.\d{4})"


@pytest.mark.thorough
def test_w14_has_the_notes_log_and_is_as_good(quick: Quick) -> None:
    lines = re.findall(rf"^ +{LOG} +{LOG}$", quick["W14"][1].text, re.MULTILINE)
    assert [line[0] for line in lines] == [line[3] for line in lines]
    assert [int(line[0]) for line in lines] == list(range(0, 141, 10))
    assert float(lines[-1][1]) < float(lines[-1][4]) == 0.0847
    assert all(int(line[2].replace(".", "")) % 50 == 0 for line in lines)  # of 200 samples
    mean, margin = map(float, str(numbers(quick, "W14")["test accuracy in epoch 140"]).split(" ± "))
    assert mean - margin >= 0.98


@pytest.mark.thorough
def test_w22_a_loss_leaves_room_for_so_many_wrong_answers(quick: Quick) -> None:
    found = numbers(quick, "W22")
    assert found["lines of the log whose loss and accuracy cannot be of one set"] == 8
    assert found["wrong answers that a loss of 0.0009 leaves room for"] == "0.14%"
    train, test = (str(found[f"{which} accuracy in the end"]) for which in ("train", "test"))
    assert float(train.split()[0]) > 0.99 > float(test.split()[0])
    lines = re.findall(rf"^ +{LOG} +{LOG}$", quick["W22"][1].text, re.MULTILINE)
    assert [int(line[3]) for line in lines] == list(range(0, 9001, 1000))


@given(st.lists(st.tuples(st.floats(-30, 30), st.booleans()), min_size=1, max_size=40))
def test_w22_the_bound_holds_for_any_answers(answers: list[tuple[float, bool]]) -> None:
    import two_logs

    import nn

    logits, classes = [x for x, _ in answers], [float(t) for _, t in answers]
    loss = float(nn.binary_cross_entropy(logits, classes))
    assert 1 - nn.accuracy(logits, classes) <= two_logs.room(loss) + 1e-12


def test_w16_equal_neurons_stay_equal_to_the_last_bit(quick: Quick) -> None:
    found = numbers(quick, "W16")
    assert found["different neurons: zeros, sigmoid"] == 1
    assert found["different neurons: all ½, one weight off"] > 1
    assert found["loss: Xavier, tanh"] < 1e-3 < found["loss: all ½, tanh"]


def test_w19_paths_begin_at_the_same_place_and_stay_or_leave() -> None:
    import saddles

    for name in saddles.OPTIMISERS:
        on, beside = saddles.walk(name, 0.0), saddles.walk(name, saddles.BESIDE)
        assert (on[0], beside[0]) == ((1.0, 0.0), (1.0, saddles.BESIDE))
        assert not any(y for _, y in on)
        assert beside[-1] == pytest.approx((0.0, 1.0), abs=0.1)


@pytest.mark.thorough
def test_w19_optimisers_stay_on_the_ridge_and_leave_beside_it(quick: Quick) -> None:
    found = numbers(quick, "W19")
    steps = [int(str(x)) for name, x in found.items() if name.startswith("steps to leave")]
    assert len(steps) == 4
    assert max(steps) == int(str(found["steps to leave, beside the ridge, SGD"]))
    assert "+1, +2  minimum" in quick["W19"][1].text


def bounds(ratio: object) -> tuple[float, float, float]:
    """A ratio with the ends of its interval: ``1.5 (1.2 to 1.9)``."""
    middle, low, high = map(float, re.findall(r"[\d.]+", str(ratio)))
    return low, middle, high


@pytest.mark.thorough
def test_w20_a_rate_is_searched_for_and_adam_forgives_more(quick: Quick) -> None:
    found = numbers(quick, "W20")
    for name in ("SGD", "Adam"):
        assert bounds(found[f"error, blind rate over found, {name}"])[0] > 1
        assert bounds(found[f"range test, runs away over found, {name}"])[0] > 1
    low, middle, high = bounds(found["error at a blind rate, SGD over Adam"])
    assert 1 < low < middle < high
    assert float(found["rate found, Adam"]) < float(found["rate found, SGD"])
    assert bounds(found["error, constant over constant"]) == (1, 1, 1)


def test_w20_rates_are_judged_with_other_data_sets_than_they_are_chosen_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import rates

    tried: list[int] = []

    def fit(size: Any, seed: int, name: str, rate: float, schedule: str = "") -> list[float]:
        tried.append(seed)
        return [1.0 + abs(rate - 0.25)]

    monkeypatch.setattr(rates, "fit", fit)
    search = rates.search(rates.QUICK, 5, "SGD")
    assert (search.coarse, search.fine) == (0.1, 0.2)
    chosen_with = set(tried)
    tried.clear()
    assert rates.learning_rate(5, True).verdict
    assert chosen_with.isdisjoint(range(5, 5 + rates.QUICK.judge))
    assert set(tried) == chosen_with | set(range(5, 5 + rates.QUICK.judge))


@pytest.mark.thorough
def test_w21_noise_is_that_of_drawing_without_replacement(quick: Quick) -> None:
    import batch_sizes

    found = numbers(quick, "W21")
    for size in (4, 16, 64):
        low, _, high = bounds(found[f"variance over theory, B = {size}"])
        assert low < 1 < high
    variances, own = batch_sizes.noise(3, 10)
    assert variances[256] < 1e-25 * own
    assert batch_sizes.theory(own, 256) == 0
    assert batch_sizes.theory(own, 128) == own / 256


@pytest.mark.thorough
def test_w21_small_batches_win_by_epochs_and_lose_by_updates(quick: Quick) -> None:
    found = numbers(quick, "W21")
    name = "train error after as many {}, 256 over 4"
    assert bounds(found[name.format("epochs")])[0] > 1 > bounds(found[name.format("updates")])[2]


def test_w21_all_samples_at_once_stay_on_the_ridge_and_only_on_it() -> None:
    import batch_sizes

    stays, leaves, beside = (batch_sizes.ridge(1, *start) for start in ((256,), (16,), (256, 1e-3)))
    assert len(stays) == batch_sizes.LOOKS + 1
    assert stays[-1] > 0.5 > 0.1 > max(leaves[-1], beside[-1])


@given(st.integers(2, 2000), st.floats(-1e3, 1e3))
def test_w13_look_up_tables_obey_their_bounds(size: int, x: float) -> None:
    import activations
    import numpy as np

    lookup, at = activations.Lookup(size), np.array([x])
    right, tail = activations.exact(np.clip(at, -500, 500)), 3e-9
    assert abs(lookup.nearest(at) - right) <= lookup.step / 8 + tail
    assert abs(lookup.between(at) - right) <= lookup.step**2 / 8 * activations.BEND + tail
    assert abs(lookup.one(x) - right) <= lookup.step / 8 + tail
    assert lookup.one_between(x) == pytest.approx(lookup.between(at)[0], abs=1e-12)


def test_w13_says_where_a_table_saves_time() -> None:
    import activations

    text = activations.judged("here", [1.0, 2.0, 0.5, 8.0])
    assert text == "  here: nearest 4.0 times faster, interpolated 4.0 times slower."
    assert "nearest as fast as exp" in activations.judged("here", [1.0, 2.0, 1.9, 8.0])


def test_w13_needs_no_compiler_for_its_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    import activations

    monkeypatch.setattr(activations, "compiled_loops", list)
    finding = activations.shortcuts(1, True)
    assert "no numba here" in finding.text
    found = activations.timings(0)
    assert list(found) == ["NumPy, many at once", "Python, one at a time"]
    monkeypatch.setattr(
        activations, "timings", lambda _: found | {"compiled, in a loop": [1.0, 1.0, 5.0, 5.0]}
    )
    other = activations.shortcuts(1, True)
    assert "compiled, in a loop: nearest 5.0 times slower" in other.text
    assert other.verdict == finding.verdict


def test_w13_compiled_loops_compute_the_same() -> None:
    pytest.importorskip("numba", reason="compares with compiled loops")
    import activations
    import numpy as np

    lookup, x = activations.Lookup(64), np.linspace(-25, 25, 400)
    wanted = [activations.exact(x), lookup.nearest(x), lookup.between(x)]
    for loop, right in zip(activations.compiled_loops()[1:], wanted, strict=True):
        out = np.empty_like(x)
        loop(x, lookup.values, activations.REACH, 1 / lookup.step, out)
        assert out == pytest.approx(right, abs=1e-12)


# -- the command line and the booklet -------------------------------------------------------------


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """``python -m demos`` as a process of its own."""
    command = [sys.executable, "-m", "demos", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, encoding="utf-8", cwd=ROOT, timeout=PATIENCE, check=False
    )


def test_without_arguments_the_claims_are_listed(quick: Quick) -> None:
    done = run()
    assert (done.returncode, done.stderr) == (0, "")
    for number, claim in quick.claims.items():
        assert re.search(rf"^ +{number} +{re.escape(claim.title)}$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("number", "title", "verdict", "pictures"),
    [
        ("w4", "Weight decay", "holds if", {"w04-norm.svg"}),
        thorough(
            (
                "w10",
                "What a network costs",
                "holds\n",
                {"w10-network.svg", "w10-bytes.svg", "w10-int8.svg"},
            )
        ),
    ],
)
def test_one_claim_prints_claim_measurement_and_verdict(
    number: str, title: str, verdict: str, pictures: set[str], quick: Quick, tmp_path: Path
) -> None:
    done = run(number, "--quick", "--out", tmp_path / "new")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{number.upper()}  {title}")
    assert f"\nVerdict: {verdict}" in done.stdout
    for name, x in numbers(quick, number.upper()).items():  # those of the booklet
        shown = f"{x:.4g}" if isinstance(x, float) else str(x)
        assert re.search(rf"^  {re.escape(name)} +{re.escape(shown)}$", done.stdout, re.MULTILINE)
    assert {path.name for path in (tmp_path / "new").iterdir()} == pictures


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["W99"], "there is no claim 'W99' here; there are W"),
        (["W6", "--json", "x.json"], "argument --json: goes with all"),
        (["all", "W6"], "all is all claims: it goes alone"),
        (["all", "--json", str(ROOT)], "argument --json: must be the name of a file"),
        (["W6", "--seed", "-1"], "argument --seed: must be a whole number"),
    ],
)
def test_a_bad_argument_is_one_line_and_status_2(arguments: list[str], message: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert message in done.stderr


def test_an_interrupt_leaves_the_booklet_of_what_was_run(
    quick: Quick,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from importlib import import_module

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    command = import_module("demos.__main__")
    claim, finding = quick["W8"]
    runs = [claim._replace(run=run) for run in (lambda *_: finding, interrupted, interrupted)]
    monkeypatch.setattr(command, "find_claims", lambda: runs)
    json_file = tmp_path / "new" / "all.json"
    with pytest.raises(SystemExit) as stopped:
        command.main(["all", "--out", str(tmp_path), "--json", str(json_file)])
    said = capsys.readouterr()
    assert stopped.value.code == 130
    assert said.err.endswith("interrupted: the booklet has 1 of 3 claims\n")
    assert '<section id="W8">' in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert list(json.loads(json_file.read_text(encoding="utf-8"))) == ["W8"]


@pytest.mark.thorough
def test_xor_runs_its_claim_when_it_is_asked_to(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import xor

    xor.main(["--quick", "--out", str(tmp_path)])
    assert "Verdict: holds\n" in capsys.readouterr().out
    assert (tmp_path / "w09-regions.svg").is_file()


class Reader(HTMLParser):
    """Collects the tags of a page, its identifiers and all addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.addresses: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.add(value or "")
            if name in ("src", "href", "srcset"):
                self.addresses.append(value or "")


@SOME_AND_ALL
def test_the_booklet_has_everything_and_asks_for_nothing(
    chosen: Sequence[str], quick: Quick, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import booklet

    some = {number: quick[number] for number in chosen or quick}
    fresh = [c._replace(run=lambda *_, f=f: f) for c, f in some.values()]
    made = booklet.entries(fresh, 0, True, tmp_path)
    path = booklet.write_booklet(made, tmp_path)
    text = path.read_text(encoding="utf-8")
    page = Reader()
    page.feed(text)
    assert len(text) < 15e6
    assert set(some) <= page.ids
    assert all(re.match(r"data:|#W\d", address) for address in page.addresses)
    assert "script" not in page.tags
    drawn = [name for _, f in some.values() for name, _, _ in f.pictures]
    assert page.tags.count("img") == len(drawn)  # a page to step through has one for paper
    assert page.tags.count("source") + page.tags.count("iframe") == len(drawn)
    for claim, finding in some.values():
        assert f"python -m demos {claim.number} --quick" in text
        assert text.count(html.escape(finding.verdict)) >= 2
    content = json.loads(booklet.write_json(made, tmp_path / "all.json").read_text("utf-8"))
    for number, entry in content.items():
        assert list(entry) == ["verdict", "claim", "numbers", "pictures", "command"]
        assert all((tmp_path / name).is_file() for name in entry["pictures"])
        assert entry["verdict"] == quick[number][1].verdict


def test_a_lesson_runs_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["backprop.py", "W6", "--quick", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", arguments)
    monkeypatch.setattr("commandline.run", lambda main: main())
    runpy.run_path(str(DEMOS / "backprop.py"), run_name="__main__")
    assert "Verdict: holds if ∂J/∂o is o − y, not y − o" in capsys.readouterr().out
    assert (tmp_path / "w06-graph.svg").stat().st_size > 1000
