/** What /api/scheduling and /api/bank send to this page (server/scheduling/office_queries.py, itembank/paper_views.py). */

export type StepName = "roster" | "seats" | "tickets" | "proctors" | "bags" | "publish";

export interface StepReading {
  step: StepName;
  have: number;
  need: number;
  is_done: boolean;
  is_next: boolean;
}

interface SittingFacts {
  id: string;
  name: string;
  state: string;
  centre_name: string;
  occupation_code: string;
  occupation_name: string;
  level: number;
  starts_at: string;
  duration_minutes: number;
  profile_name: string;
  profile_version: number;
  is_rehearsal: boolean;
}

export interface SittingHead extends SittingFacts {
  steps: StepReading[];
  progress: { registered: number; seated: number; tickets: number; rooms_used: number; rooms_staffed: number; rooms_bagged: number };
  may_publish: boolean;
}

export interface Person {
  name: string;
  id_number_masked: string;
  organisation: string;
  class_name: string;
  extra_time_percent: number;
  form_label: string | null;
  ticket_number: string | null;
}

export interface OfficeSeat {
  id: string;
  number: number;
  row: number;
  column: number;
  is_spare: boolean;
  person: Person | null;
}

export interface Bag {
  package_id: string;
  state: string;
  script_count: number;
  digest: string;
  sealed_at: string;
}

interface RoomFacts {
  id: string;
  name: string;
  number: number;
  rows: number;
  columns: number;
  aisles_after: number[];
}

export interface OfficeRoom extends RoomFacts {
  seats: OfficeSeat[];
  seated: number;
  proctors_needed: number;
  proctors: { account_id: string; display_name: string; duty: "chief" | "deputy" }[];
  bag: Bag | null;
  is_admitting: boolean;
}

export interface SittingInFull extends SittingHead {
  rooms: OfficeRoom[];
  unseated: Person[];
}

export interface Choices {
  centres: { id: string; name: string; rooms: (RoomFacts & { seats: number })[] }[];
  profiles: { name: string; version: number; shortest_minutes: number }[];
  occupations: { code: string; level: number; name: string }[];
  proctors: { id: string; display_name: string; login_name: string }[];
}

export interface RosterProblem {
  row: number;
  cell: string;
  column: string;
  code: string;
  value: string;
  message_zh: string;
  message_en: string;
  remedy: string;
  remedy_en: string;
}

export interface RosterReport {
  read: number;
  accepted: number;
  rejected: number;
  stored: number;
  problems: RosterProblem[];
  notes: RosterProblem[];
}

export interface BagsOfSitting extends SittingFacts {
  paper_id: string | null;
  rooms: { id: string; name: string; forms: Record<string, number>; bag: Bag | null }[];
}

export interface PaperHead {
  id: string;
  occupation_code: string;
  occupation_name: string;
  level: number;
  state: string;
  forms: string[];
  made_at: string;
  digest: string;
  violations: number;
}

export interface SpecTable {
  id: string;
  occupation_code: string;
  occupation_name: string;
  level: number;
  version: number;
}

export interface SealedBag {
  package_id: string;
  digest: string;
  script_count: number;
  opening_secrets: [string, string];
}

/** What every step's panel is given. */
export interface StepProps {
  sitting: SittingInFull;
  /** the sitting is still planned, and this person plans */
  mayPlan: boolean;
  /** this person plans; the sitting may be published */
  mayPlanPublished: boolean;
}
