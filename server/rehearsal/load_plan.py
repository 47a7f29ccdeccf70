"""What a load run is asked for, and what it reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from server.core.errors import InvalidInput
from server.rehearsal.history import History

MOST_CANDIDATES = 1_000
MOST_SECONDS = 2 * 3600
MOST_SAVES = 1_000_000
#: a person does not click more often
MOST_PER_CANDIDATE_PER_S = 5.0
#: so long after the last click what is still unsent may arrive
DRAIN_S = 60.0


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """N candidates answer for `seconds` at `rate_per_s` in total, each in an even rhythm of its own phase.

    Clicks come on time whether or not the last one was acknowledged (open loop): waiting counts as saving time.
    """

    candidates: int
    rate_per_s: float
    seconds: float
    seed: int = 1
    #: hand in when the answering is over
    submit: bool = False
    #: the same, so many seconds after the first click of the window; None: when the answering is over
    drain_s: float = DRAIN_S
    #: simulated proctors keep the gates (not when people keep them)
    proctors: bool = True

    @property
    def period_s(self) -> float:
        """Between two clicks of one candidate."""
        return self.candidates / self.rate_per_s

    def check(self) -> None:
        """Raises InvalidInput: `LOAD_OUT_OF_BOUNDS`, naming the bound."""
        for name, value, most in (
            ("candidates", self.candidates, MOST_CANDIDATES),
            ("seconds", self.seconds, MOST_SECONDS),
            ("rate", self.rate_per_s, self.candidates * MOST_PER_CANDIDATE_PER_S),
            ("rate x seconds", self.rate_per_s * self.seconds, MOST_SAVES),
        ):
            if not 0 < value <= most:
                raise InvalidInput(
                    "LOAD_OUT_OF_BOUNDS",
                    f"演练规模超出限制：{name} = {value:g}，必须大于 0 且不超过 {most:g}。请减小后再试。",
                    f"The rehearsal is out of bounds: {name} = {value:g} must be above 0 and at most {most:g}.",
                    bound=name,
                )


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands."""

    phase: str
    candidates: int = 0
    #: candidates who hold the paper
    answering: int = 0
    clicked: int = 0
    acked: int = 0
    unsent: int = 0
    #: ticket numbers of some whose channel is lost, and how many there are
    away: tuple[str, ...] = ()
    away_count: int = 0
    #: over the last two seconds
    saves_per_s: float = 0.0
    save_ms_p95: float = 0.0
    #: the fault under way, or empty
    fault: str = ""


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class NemesisEvent:
    """One line of the nemesis log; moments are `time.monotonic()`, as in the history."""

    fault: str
    what: str
    began_at: float
    ended_at: float
    #: who could not save meanwhile, as far as is known: "all", "nobody", or room ids
    cut_off: str | tuple[str, ...] = "all"
    #: whoever could not save must be given the time back by the system itself (architecture 4.5)
    gives_back: bool = True
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CandidateEnd:
    """How one candidate came out of it."""

    ticket_number: str
    room_id: str
    attempt_id: str
    step: str
    given_back_s: float
    moves: int
    unsent: int
    answered_while_away: int
    refusals: Mapping[str, int]
    turned_away: str = ""
    #: seconds from the start (or from being there, if later) to the paper's key
    began_s: float | None = None
    #: over the wire: answers whose newest acknowledged value the server holds; those where it holds another or none
    wire_right: int = 0
    wire_wrong: int = 0
    receipt: Mapping[str, Any] | None = None
    swapped: bool = False


@dataclass
class LoadReport:
    """What happened. `lost`, `duplicated`, `foreign`, `wrong_final` as in `history.Verdict`; None: not judged."""

    candidates: int
    rate_per_s: float
    seconds: float
    seed: int
    clicked: int
    acked: int
    lost: int
    duplicated: int | None
    foreign: int | None
    wrong_final: int
    #: clicked and never acknowledged (the outcome is unknown; on a PC that died, say)
    unacked: int
    saves_per_s: float
    save_ms: dict[str, float]
    reconnect_s: dict[str, float]
    begin_s: dict[str, float]
    reconnects: int
    #: all processes of the server over the answering window; None against somebody else's server
    server_cpu_s: float | None
    database_cpu_s: float | None
    client_cpu_s: float
    time_error_s_max: float | None
    lost_time_s_max: float
    given_back_s_max: float
    #: what the simulated proctors were refused
    proctors_failed: list[str]
    turned_away: dict[str, int]
    refusals: dict[str, int]
    submitted: int
    wall_s: float
    load_average: tuple[float, float, float]
    #: "database" or "wire": how lost and wrong_final were judged
    judged_by: str
    #: (begin, end) of the answering window, `time.monotonic()`
    window: tuple[float, float]
    nemesis_log: list[NemesisEvent] = field(default_factory=list)
    ends: list[CandidateEnd] = field(default_factory=list, repr=False)
    history: History = field(default_factory=History, repr=False)

    def as_dict(self) -> dict[str, Any]:
        """For `--json` and files: everything but the history and the single candidates; moments relative to the window."""
        begin = self.window[0]
        plain = {
            name: getattr(self, name)
            for name in self.__dataclass_fields__
            if name not in {"history", "ends", "nemesis_log", "window"}
        }
        plain["nemesis_log"] = [
            {
                **asdict(event),
                "began_at": round(event.began_at - begin, 3),
                "ended_at": round(event.ended_at - begin, 3),
            }
            for event in self.nemesis_log
        ]
        return plain


def spread(values: Sequence[float], digits: int = 3) -> dict[str, float]:
    """p50, p95, p99, max; zeros when there are none."""
    ordered = sorted(values)
    if not ordered:
        return {"p50": 0.0, "p95": 0.0, "p99": 0.0, "max": 0.0}
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    found = {name: ordered[min(len(ordered) - 1, int(len(ordered) * share))] for name, share in shares.items()}
    return {name: round(value, digits) for name, value in {**found, "max": ordered[-1]}.items()}
