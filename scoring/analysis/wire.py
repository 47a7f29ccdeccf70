"""JSON of /api/analysis: what the item, paper, room and case pages are told.

Moments are ISO 8601 UTC texts. Marks and scores are in points (not 1/100), shares 0 … 1, abilities in logits of the candidates
of the calibration (metric D = 1). None: the figure does not exist; a reason or notice stands beside it. Hidden is hidden: a field
that this reader may not see is None and a field `…_hidden` says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: states of `SittingLine.state`
NOT_ENDED, NO_ANSWERS, READY, RUNNING, DONE, OUTDATED, FAILED = (
    "not_ended", "no_answers", "ready", "running", "done", "outdated", "failed",
)  # fmt: skip


@dataclass(frozen=True)
class ProgressLine:
    """How far a running analysis is. `part`: collect | items | calibration | behaviour | similarity | store."""

    part: str
    done: int
    total: int


@dataclass(frozen=True)
class SittingLine:
    """One sitting that could be analysed. `outdated`: answers or keys have changed since `made_at`."""

    sitting_id: str
    name: str
    occupation_name: str
    level: int
    starts_at: str
    is_rehearsal: bool
    #: candidates who took the exam and have ended; those who have not
    candidates: int
    unfinished: int
    #: not_ended | no_answers | ready | running | done | outdated | failed
    state: str
    progress: ProgressLine | None
    #: of the last analysis that came to an end
    made_at: str | None
    made_by: str | None
    digest: str | None
    #: flagged pairs and open cases; None where this reader has no business with them
    flagged_pairs: int | None
    open_cases: int | None
    #: code and words when it failed
    refusal: dict[str, Any] | None


@dataclass(frozen=True)
class SittingsReply:
    """GET /api/analysis/sittings"""

    sittings: list[SittingLine]
    may_start: bool
    may_see_pairs: bool
    may_decide_proposals: bool


@dataclass(frozen=True)
class StartReply:
    """POST /api/analysis/sittings/<sitting_id>/start"""

    sitting_id: str
    state: str


@dataclass(frozen=True)
class FlagLine:
    """A reason to look. `option`: canonical letter it is about, if any."""

    code: str
    words_zh: str
    words_en: str
    option: str | None = None


@dataclass(frozen=True)
class OptionLine:
    """One option of an item by canonical letter (A is the first option in the bank); "" is: no answer."""

    option: str
    is_key: bool
    n: int
    prop: float
    #: correlation with the total without this item
    point_biserial_rest: float | None
    upper27: int | None = None
    lower27: int | None = None
    middle46: int | None = None


@dataclass(frozen=True)
class ItemFigures:
    """What is measured of an item version; of one sitting or pooled."""

    n: int
    p: float | None
    d27: float | None
    item_rest_r: float | None
    omitted: float | None
    not_reached: float | None
    a: float | None
    b: float | None
    se_a: float | None
    se_b: float | None
    median_seconds: float | None
    options: list[OptionLine]
    flags: list[FlagLine]


@dataclass(frozen=True)
class ItemRow:
    """One line of the paper page's item table."""

    item_id: str
    item_version_id: str
    #: "I001" …: the item's number in this analysis; the same on the difficulty map and in the PDF
    label: str
    kind: str
    point: str
    forms: list[str]
    full_mark: float
    figures: ItemFigures


@dataclass(frozen=True)
class Bar:
    """`count` candidates with low ≤ score < high (the last bar: ≤ high)."""

    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Distribution:
    """Scores of the sitting; only for whom may see scores already."""

    bars: list[Bar]
    mean: float | None
    sd: float | None
    median: float | None
    minimum: float | None
    maximum: float | None
    pass_rate: float | None


@dataclass(frozen=True)
class ScoreError:
    """Standard error of measurement at one score, in points."""

    score: float
    sem: float


@dataclass(frozen=True)
class DecisionFigures:
    """How sure pass and fail are. `cut` in points."""

    method: str
    cut: float
    consistency: float
    kappa: float | None
    accuracy: float
    false_pass: float
    false_fail: float


@dataclass(frozen=True)
class TestFigures:
    """A form, or all forms of the sitting together (`form` = "")."""

    form: str
    n: int
    k: int
    full_mark: float
    alpha: float | None
    alpha_stratified: float | None
    kr20: float | None
    sem: float | None
    sem_at_cut: float | None
    conditional_sem: list[ScoreError]
    decision: DecisionFigures | None
    reasons: list[str]

    __test__ = False


@dataclass(frozen=True)
class InformationPoint:
    """Test information and standard error at one ability; of the form with label `form`."""

    theta: float
    information: float
    sem: float | None


@dataclass(frozen=True)
class InformationCurve:
    """One form's curve; `cut_theta`: the ability whose expected score is the pass mark."""

    form: str
    points: list[InformationPoint]
    cut_theta: float | None


@dataclass(frozen=True)
class DifficultyMark:
    """One item on the difficulty map. `expert`: the expert's step as P of an average candidate; `b` None: not calibrated."""

    label: str
    item_version_id: str
    p: float | None
    b: float | None
    d27: float | None
    expert: float
    assembled: float


@dataclass(frozen=True)
class AbilityBar:
    """Candidates by ability beside the difficulty map; only for whom may see scores."""

    low: float
    high: float
    count: int


@dataclass(frozen=True)
class PaperPage:
    """GET /api/analysis/sittings/<sitting_id>"""

    sitting: SittingLine
    #: pooled over forms, then each form
    tests: list[TestFigures]
    distribution: Distribution | None
    distribution_hidden: bool
    #: points from which one passes, by the sitting's own rules
    pass_mark: float
    information: list[InformationCurve]
    difficulty: list[DifficultyMark]
    abilities: list[AbilityBar] | None
    abilities_hidden: bool
    items: list[ItemRow]
    #: code of the refusal when there was no calibration (TOO_FEW_CANDIDATES …), None when there is one
    calibration_refused: dict[str, Any] | None
    notices: list[str]
    method: str
    input_digest: str
    digest: str


@dataclass(frozen=True)
class OptionText:
    """An option as the bank has it."""

    option: str
    text: str
    is_key: bool


@dataclass(frozen=True)
class ItemText:
    """Only for bank roles."""

    stem: str
    options: list[OptionText]


@dataclass(frozen=True)
class CurvePoint:
    """Candidates grouped by ability (rest score): share right, the share of each option, what the model expects.

    `ability`: mean standardised rest score of the group (SD units); `expected` None without calibration.
    """

    ability: float
    n: int
    right: float
    options: dict[str, float]
    expected: float | None


@dataclass(frozen=True)
class ItemHistory:
    """One sitting an item version was used in, oldest first."""

    sitting_id: str
    sitting_name: str
    starts_at: str
    figures: ItemFigures
    curve: list[CurvePoint]
    made_at: str
    input_digest: str


@dataclass(frozen=True)
class DifficultyUse:
    """What assembly takes: measured and expert difficulty weighed by how much is known (`weight` of the measurement)."""

    expert_step: int
    expert_p: float
    measured_p: float | None
    n: int
    weight: float
    assembled_p: float


@dataclass(frozen=True)
class ProposalLine:
    """A proposal to suspend an item. kind: wrong_key | faulty | over_exposed; state: open | accepted | rejected."""

    id: str
    item_id: str
    item_version_id: str
    item_state: str
    occupation_code: str
    level: int
    kind: str
    state: str
    words_zh: str
    words_en: str
    sitting_id: str
    sitting_name: str
    made_at: str
    decided_by: str | None
    decided_at: str | None
    reason: str | None


@dataclass(frozen=True)
class ProposalsReply:
    """GET /api/analysis/proposals: open ones first, then the newest."""

    proposals: list[ProposalLine]
    may_decide: bool


@dataclass(frozen=True)
class VersionLine:
    """A version of the item; `item_version_id` opens its own page."""

    item_version_id: str
    version: int
    is_current: bool
    n: int


@dataclass(frozen=True)
class ItemPage:
    """GET /api/analysis/items/<item_version_id>"""

    item_id: str
    item_version_id: str
    version: int
    kind: str
    point: str
    state: str
    text: ItemText | None
    text_hidden: bool
    #: None before the first analysis
    pooled: ItemFigures | None
    exposures: int
    sittings_used: int
    difficulty: DifficultyUse
    history: list[ItemHistory]
    versions: list[VersionLine]
    proposals: list[ProposalLine]


@dataclass(frozen=True)
class SeatMark:
    """One seat of the map. `attempt_id` None: nobody sat there. `pairs`: flagged pairs this candidate belongs to."""

    seat_number: int
    row: int
    column: int
    attempt_id: str | None
    ticket_tail: str
    form: str
    pairs: int


@dataclass(frozen=True)
class RoomMap:
    """A room's grid."""

    room_id: str
    name: str
    rows: int
    columns: int
    aisles_after: list[int]
    seats: list[SeatMark]


@dataclass(frozen=True)
class PairLine:
    """A pair by attempt. Probabilities are chances under honest work; `flagged_by`: content, letters, or empty (only listed)."""

    a: str
    b: str
    a_place: str
    b_place: str
    family: str
    judged: bool
    flagged_by: list[str]
    common: int
    identical: int
    identical_wrong: int
    p: float
    threshold: float
    gbt_p: float
    omega: float | None
    k_p: float | None
    m4_p: float | None
    letters_same: int | None
    letters_positions: int | None
    letters_p: float | None
    seat_distance: float | None
    same_class: bool | None
    same_machine: bool | None
    #: shared wrong answers that a (b) gave clearly first; answers changed toward the other; correlation of the pace
    a_first: int | None
    b_first: int | None
    a_changed_to_b: int | None
    b_changed_to_a: int | None
    pace_r: float | None
    case_id: str | None


@dataclass(frozen=True)
class CaseLine:
    """A case. state: open | under_review | closed; conclusion: no_finding | referred | None."""

    id: str
    sitting_id: str
    sitting_name: str
    a: str
    b: str
    a_place: str
    b_place: str
    state: str
    conclusion: str | None
    reason: str | None
    reviewer: str
    reviewer_id: str
    is_mine: bool
    opened_by: str
    opened_at: str
    decided_at: str | None


@dataclass(frozen=True)
class ClusterLine:
    """Candidates linked by flagged pairs."""

    members: list[str]
    places: list[str]
    is_incident: bool


@dataclass(frozen=True)
class FamilyLine:
    """Error budget of a family of pairs (neighbours, same room, others)."""

    family: str
    test: str
    pairs: int
    budget: float
    threshold: float


@dataclass(frozen=True)
class ReviewerChoice:
    """Somebody a case can be given to."""

    account_id: str
    name: str
    role: str


@dataclass(frozen=True)
class RoomPage:
    """GET /api/analysis/sittings/<sitting_id>/similarity"""

    sitting: SittingLine
    rooms: list[RoomMap]
    #: flagged first, then the most similar of the rest (at most 200)
    pairs: list[PairLine]
    flagged: int
    pairs_total: int
    pairs_judged: int
    cases: list[CaseLine]
    clusters: list[ClusterLine]
    families: list[FamilyLine]
    null_kind: str
    #: code and words when the papers could not be compared
    refused: dict[str, Any] | None
    reviewers: list[ReviewerChoice]
    may_open_cases: bool
    notices: list[str]
    digest: str


@dataclass(frozen=True)
class CasesReply:
    """GET /api/analysis/cases: all for who assigns them, one's own for a reviewer."""

    cases: list[CaseLine]


@dataclass(frozen=True)
class AnswerOf:
    """One candidate's answer to one item. Letters: `canonical` as in the bank, `displayed` as on the own screen."""

    #: place on the candidate's own paper, from 1; None: not on this form
    n: int | None
    canonical: str
    displayed: str
    #: seconds after the start of the own exam
    answered_s: float | None
    #: earlier answers, canonical letters, oldest first
    before: list[str]
    is_right: bool | None


@dataclass(frozen=True)
class CaseItem:
    """One item of the two papers. `same`: both answered alike; `same_wrong` None while keys are hidden."""

    label: str
    item_version_id: str
    kind: str
    stem: str
    options: list[OptionText]
    a: AnswerOf
    b: AnswerOf
    same: bool
    same_wrong: bool | None


@dataclass(frozen=True)
class CasePage:
    """GET /api/analysis/cases/<case_id>: for the assigned reviewer alone; every reading is on record.

    `key_hidden`: results are not as far that this reviewer may see scores: no keys, no right and wrong; `is_key` is False then.
    """

    case: CaseLine
    pair: PairLine
    a_name: str
    b_name: str
    key_hidden: bool
    items: list[CaseItem]
    a_grid: SeatMark
    b_grid: SeatMark
    steps: list[dict[str, Any]] = field(default_factory=list)


# --- What pages send ------------------------------------------------------------------------------------------------
# POST /api/analysis/sittings/<sitting_id>/start         {}                                   → StartReply
# POST /api/analysis/sittings/<sitting_id>/open-case     {a, b, reviewer_id, reason}          → CaseLine
# POST /api/analysis/cases/<case_id>/decide              {conclusion, reason}                 → CaseLine
# POST /api/analysis/proposals/<proposal_id>/decide      {accept: bool, reason}               → ProposalLine
# GET  /api/analysis/sittings/<sitting_id>/report.pdf                                         → PDF
