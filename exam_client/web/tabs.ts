/** One writing page per browser: a newer tab asks the older ones to stand down, and waits until they have. */

const CHANNEL = "mingyuan-candidate";
const REPLY_LIMIT_MS = 150;

type Word = { kind: "claim" | "stood_down"; attempt: string; page: string };

export class Tabs {
  private readonly channel: BroadcastChannel | null;
  private attempt = "";
  private onAnswer: (() => void) | null = null;

  constructor(private readonly page: string, private readonly standDown: () => Promise<void>) {
    this.channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(CHANNEL);
    this.channel?.addEventListener("message", ({ data }: MessageEvent<Word>) => void this.hear(data));
  }

  /** From now on this page writes for the attempt. Without a reply there is no other page. */
  async claim(attempt: string): Promise<void> {
    this.attempt = attempt;
    if (!this.channel) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, REPLY_LIMIT_MS);
      this.onAnswer = () => {
        clearTimeout(timer);
        resolve();
      };
      this.say("claim");
    });
    this.onAnswer = null;
  }

  close(): void {
    this.channel?.close();
  }

  private async hear(word: Word): Promise<void> {
    if (word.page === this.page || word.attempt !== this.attempt) return;
    if (word.kind === "stood_down") {
      this.onAnswer?.();
      return;
    }
    this.attempt = "";
    await this.standDown();
    this.channel?.postMessage({ kind: "stood_down", attempt: word.attempt, page: this.page } satisfies Word);
  }

  private say(kind: Word["kind"]): void {
    this.channel?.postMessage({ kind, attempt: this.attempt, page: this.page } satisfies Word);
  }
}
