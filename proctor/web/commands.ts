/** Sending a command: what was sent, what became of it, and the words of a refusal. */
import { reactive } from "vue";

import { post, Refused } from "@web/http";
import { pick } from "@web/i18n";

import type { CommandDone, Commands, IncidentRow, TimeRow } from "./wire_types";
import { t, type WordKey } from "./words";

export type CommandName = keyof Commands & string;

export interface SentCommand {
  readonly n: number;
  readonly title: WordKey;
  /** for whom, e.g. "12 号 陈晓明" */
  readonly whom: string;
  state: "sent" | "done" | "refused" | "unknown";
  words: string;
  /** moment of the last change, server time */
  atMs: number;
}

export type Outcome =
  | { kind: "done"; reply: CommandDone }
  | { kind: "refused"; words: string; code: string; status: number }
  | { kind: "unknown" };

const KEPT = 30;

const TITLES: Record<CommandName, WordKey> = {
  "fetch-paper": "cmd_fetch",
  "open-admission": "cmd_admission",
  "read-notes": "cmd_notes",
  "open-paper": "cmd_open",
  "check-identity": "cmd_check",
  "send-message": "message",
  "grant-time": "extend",
  "decide-time": "cmd_decide",
  "collect": "collect",
  "suspend": "suspend",
  "resume": "resume",
  "release-seat": "release",
  "list-absent": "cmd_absent",
  "record-incident": "incident",
  "resolve-incident": "cmd_resolve",
  "lower-hand": "cmd_hand",
  "end-room": "cmd_end",
  "sign-record": "sign",
  "show-journal": "importShow",
  "import-journal": "importTitle",
  "move-room": "moveRoom",
  "resume-several": "resume",
};

export type Post = (path: string, body: unknown) => Promise<CommandDone>;

export class CommandDesk {
  /** newest first */
  readonly sent: SentCommand[] = reactive([]);
  private count = 0;

  constructor(
    private readonly address: string,
    private readonly serverNow: () => number,
    private readonly afterwards: () => void,
    private readonly send: Post = (path, body) => post<CommandDone>(path, body, { timeoutMs: 15_000 }),
  ) {}

  /** Sends it once; never again by itself, because most commands are not harmless when repeated. */
  async run<Name extends CommandName>(name: Name, body: Commands[Name], whom = ""): Promise<Outcome> {
    this.count += 1;
    this.sent.unshift({ n: this.count, title: TITLES[name], whom, state: "sent", words: "", atMs: this.serverNow() });
    this.sent.splice(KEPT);
    const entry = this.sent[0] as SentCommand;
    try {
      const reply = await this.send(`${this.address}/${name}`, body);
      const words = pick(reply.words_zh, reply.words_en) || (reply.waiting_for_second ? t("waitingSecond") : "");
      this.close(entry, "done", words);
      this.afterwards();
      return { kind: "done", reply };
    } catch (failure) {
      if (!(failure instanceof Refused)) {
        this.close(entry, "unknown", t("unknown"));
        return { kind: "unknown" };
      }
      const words = pick(failure.refusal.message_zh, failure.refusal.message_en);
      this.close(entry, "refused", words);
      return { kind: "refused", words, code: failure.refusal.code, status: failure.status };
    }
  }

  private close(entry: SentCommand, state: SentCommand["state"], words: string): void {
    entry.state = state;
    entry.words = words;
    entry.atMs = this.serverNow();
  }
}

/** What a dialog of the board was opened for. */
export type Task =
  | { kind: "message" | "grant" | "collect"; attemptIds: string[]; wholeRoom: boolean }
  | { kind: "suspend" | "resume"; attemptId: string }
  | { kind: "release"; attemptId: string }
  | { kind: "import"; attemptId: string }
  | { kind: "import_second"; importId: string }
  | { kind: "move_room"; attemptIds: string[] }
  | { kind: "resume_several"; attemptIds: string[] }
  | { kind: "incident"; attemptId: string | null }
  | { kind: "resolve"; incident: IncidentRow }
  | { kind: "decide"; row: TimeRow; decision: "confirm" | "reverse" }
  | { kind: "fetch" | "open" | "end" | "sign" };
