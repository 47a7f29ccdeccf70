// Generated from scoring/analysis/wire.py by deploy/build/generate_wire_types.py. Change the classes there, then run it again.

/** How far a running analysis is. `part`: collect | items | calibration | behaviour | similarity | store. */
export interface ProgressLine {
  part: string;
  done: number;
  total: number;
}

/** One sitting that could be analysed. `outdated`: answers or keys have changed since `made_at`. */
export interface SittingLine {
  sitting_id: string;
  name: string;
  occupation_name: string;
  level: number;
  starts_at: string;
  is_rehearsal: boolean;
  candidates: number;
  unfinished: number;
  state: string;
  progress: ProgressLine | null;
  made_at: string | null;
  made_by: string | null;
  digest: string | null;
  flagged_pairs: number | null;
  open_cases: number | null;
  refusal: Record<string, unknown> | null;
}

/** GET /api/analysis/sittings */
export interface SittingsReply {
  sittings: SittingLine[];
  may_start: boolean;
  may_see_pairs: boolean;
  may_decide_proposals: boolean;
}

/** POST /api/analysis/sittings/<sitting_id>/start */
export interface StartReply {
  sitting_id: string;
  state: string;
}

/** A reason to look. `option`: canonical letter it is about, if any. */
export interface FlagLine {
  code: string;
  words_zh: string;
  words_en: string;
  option: string | null;
}

/** One option of an item by canonical letter (A is the first option in the bank); "" is: no answer. */
export interface OptionLine {
  option: string;
  is_key: boolean;
  n: number;
  prop: number;
  point_biserial_rest: number | null;
  upper27: number | null;
  lower27: number | null;
  middle46: number | null;
}

/** What is measured of an item version; of one sitting or pooled. */
export interface ItemFigures {
  n: number;
  p: number | null;
  d27: number | null;
  item_rest_r: number | null;
  omitted: number | null;
  not_reached: number | null;
  a: number | null;
  b: number | null;
  se_a: number | null;
  se_b: number | null;
  median_seconds: number | null;
  options: OptionLine[];
  flags: FlagLine[];
}

/** One line of the paper page's item table. */
export interface ItemRow {
  item_id: string;
  item_version_id: string;
  label: string;
  kind: string;
  point: string;
  forms: string[];
  full_mark: number;
  figures: ItemFigures;
}

/** `count` candidates with low ≤ score < high (the last bar: ≤ high). */
export interface Bar {
  low: number;
  high: number;
  count: number;
}

/** Scores of the sitting; only for whom may see scores already. */
export interface Distribution {
  bars: Bar[];
  mean: number | null;
  sd: number | null;
  median: number | null;
  minimum: number | null;
  maximum: number | null;
  pass_rate: number | null;
}

/** Standard error of measurement at one score, in points. */
export interface ScoreError {
  score: number;
  sem: number;
}

/** How sure pass and fail are. `cut` in points. */
export interface DecisionFigures {
  method: string;
  cut: number;
  consistency: number;
  kappa: number | null;
  accuracy: number;
  false_pass: number;
  false_fail: number;
}

/** A form, or all forms of the sitting together (`form` = ""). */
export interface TestFigures {
  form: string;
  n: number;
  k: number;
  full_mark: number;
  alpha: number | null;
  alpha_stratified: number | null;
  kr20: number | null;
  sem: number | null;
  sem_at_cut: number | null;
  conditional_sem: ScoreError[];
  decision: DecisionFigures | null;
  reasons: string[];
}

/** Test information and standard error at one ability; of the form with label `form`. */
export interface InformationPoint {
  theta: number;
  information: number;
  sem: number | null;
}

/** One form's curve; `cut_theta`: the ability whose expected score is the pass mark. */
export interface InformationCurve {
  form: string;
  points: InformationPoint[];
  cut_theta: number | null;
}

/** One item on the difficulty map. `expert`: the expert's step as P of an average candidate; `b` None: not calibrated. */
export interface DifficultyMark {
  label: string;
  item_version_id: string;
  p: number | null;
  b: number | null;
  d27: number | null;
  expert: number;
  assembled: number;
}

/** Candidates by ability beside the difficulty map; only for whom may see scores. */
export interface AbilityBar {
  low: number;
  high: number;
  count: number;
}

/** GET /api/analysis/sittings/<sitting_id> */
export interface PaperPage {
  sitting: SittingLine;
  tests: TestFigures[];
  distribution: Distribution | null;
  distribution_hidden: boolean;
  pass_mark: number;
  information: InformationCurve[];
  difficulty: DifficultyMark[];
  abilities: AbilityBar[] | null;
  abilities_hidden: boolean;
  items: ItemRow[];
  calibration_refused: Record<string, unknown> | null;
  notices: string[];
  method: string;
  input_digest: string;
  digest: string;
}

/** An option as the bank has it. */
export interface OptionText {
  option: string;
  text: string;
  is_key: boolean;
}

/** Only for bank roles. */
export interface ItemText {
  stem: string;
  options: OptionText[];
}

/**
 * Candidates grouped by ability (rest score): share right, the share of each option, what the model expects.
 *
 * `ability`: mean standardised rest score of the group (SD units); `expected` None without calibration.
 */
export interface CurvePoint {
  ability: number;
  n: number;
  right: number;
  options: Record<string, number>;
  expected: number | null;
}

/** One sitting an item version was used in, oldest first. */
export interface ItemHistory {
  sitting_id: string;
  sitting_name: string;
  starts_at: string;
  figures: ItemFigures;
  curve: CurvePoint[];
  made_at: string;
  input_digest: string;
}

/** What assembly takes: measured and expert difficulty weighed by how much is known (`weight` of the measurement). */
export interface DifficultyUse {
  expert_step: number;
  expert_p: number;
  measured_p: number | null;
  n: number;
  weight: number;
  assembled_p: number;
}

/** A proposal to suspend an item. kind: wrong_key | faulty | over_exposed; state: open | accepted | rejected. */
export interface ProposalLine {
  id: string;
  item_id: string;
  item_version_id: string;
  item_state: string;
  occupation_code: string;
  level: number;
  kind: string;
  state: string;
  words_zh: string;
  words_en: string;
  sitting_id: string;
  sitting_name: string;
  made_at: string;
  decided_by: string | null;
  decided_at: string | null;
  reason: string | null;
}

/** GET /api/analysis/proposals: open ones first, then the newest. */
export interface ProposalsReply {
  proposals: ProposalLine[];
  may_decide: boolean;
}

/** A version of the item; `item_version_id` opens its own page. */
export interface VersionLine {
  item_version_id: string;
  version: number;
  is_current: boolean;
  n: number;
}

/** GET /api/analysis/items/<item_version_id> */
export interface ItemPage {
  item_id: string;
  item_version_id: string;
  version: number;
  kind: string;
  point: string;
  state: string;
  text: ItemText | null;
  text_hidden: boolean;
  pooled: ItemFigures | null;
  exposures: number;
  sittings_used: number;
  difficulty: DifficultyUse;
  history: ItemHistory[];
  versions: VersionLine[];
  proposals: ProposalLine[];
}

/** One seat of the map. `attempt_id` None: nobody sat there. `pairs`: flagged pairs this candidate belongs to. */
export interface SeatMark {
  seat_number: number;
  row: number;
  column: number;
  attempt_id: string | null;
  ticket_tail: string;
  form: string;
  pairs: number;
}

/** A room's grid. */
export interface RoomMap {
  room_id: string;
  name: string;
  rows: number;
  columns: number;
  aisles_after: number[];
  seats: SeatMark[];
}

/** A pair by attempt. Probabilities are chances under honest work; `flagged_by`: content, letters, or empty (only listed). */
export interface PairLine {
  a: string;
  b: string;
  a_place: string;
  b_place: string;
  family: string;
  judged: boolean;
  flagged_by: string[];
  common: number;
  identical: number;
  identical_wrong: number;
  p: number;
  threshold: number;
  gbt_p: number;
  omega: number | null;
  k_p: number | null;
  m4_p: number | null;
  letters_same: number | null;
  letters_positions: number | null;
  letters_p: number | null;
  seat_distance: number | null;
  same_class: boolean | null;
  same_machine: boolean | null;
  a_first: number | null;
  b_first: number | null;
  a_changed_to_b: number | null;
  b_changed_to_a: number | null;
  pace_r: number | null;
  case_id: string | null;
}

/** A case. state: open | under_review | closed; conclusion: no_finding | referred | None. */
export interface CaseLine {
  id: string;
  sitting_id: string;
  sitting_name: string;
  a: string;
  b: string;
  a_place: string;
  b_place: string;
  state: string;
  conclusion: string | null;
  reason: string | null;
  reviewer: string;
  reviewer_id: string;
  is_mine: boolean;
  opened_by: string;
  opened_at: string;
  decided_at: string | null;
}

/** Candidates linked by flagged pairs. */
export interface ClusterLine {
  members: string[];
  places: string[];
  is_incident: boolean;
}

/** Error budget of a family of pairs (neighbours, same room, others). */
export interface FamilyLine {
  family: string;
  test: string;
  pairs: number;
  budget: number;
  threshold: number;
}

/** Somebody a case can be given to. */
export interface ReviewerChoice {
  account_id: string;
  name: string;
  role: string;
}

/** GET /api/analysis/sittings/<sitting_id>/similarity */
export interface RoomPage {
  sitting: SittingLine;
  rooms: RoomMap[];
  pairs: PairLine[];
  flagged: number;
  pairs_total: number;
  pairs_judged: number;
  cases: CaseLine[];
  clusters: ClusterLine[];
  families: FamilyLine[];
  null_kind: string;
  refused: Record<string, unknown> | null;
  reviewers: ReviewerChoice[];
  may_open_cases: boolean;
  notices: string[];
  digest: string;
}

/** GET /api/analysis/cases: all for who assigns them, one's own for a reviewer. */
export interface CasesReply {
  cases: CaseLine[];
}

/** One candidate's answer to one item. Letters: `canonical` as in the bank, `displayed` as on the own screen. */
export interface AnswerOf {
  n: number | null;
  canonical: string;
  displayed: string;
  answered_s: number | null;
  before: string[];
  is_right: boolean | null;
}

/** One item of the two papers. `same`: both answered alike; `same_wrong` None while keys are hidden. */
export interface CaseItem {
  label: string;
  item_version_id: string;
  kind: string;
  stem: string;
  options: OptionText[];
  a: AnswerOf;
  b: AnswerOf;
  same: boolean;
  same_wrong: boolean | null;
}

/**
 * GET /api/analysis/cases/<case_id>: for the assigned reviewer alone; every reading is on record.
 *
 * `key_hidden`: results are not as far that this reviewer may see scores: no keys, no right and wrong; `is_key` is False then.
 */
export interface CasePage {
  case: CaseLine;
  pair: PairLine;
  a_name: string;
  b_name: string;
  key_hidden: boolean;
  items: CaseItem[];
  a_grid: SeatMark;
  b_grid: SeatMark;
  steps: Record<string, unknown>[];
}
