/** The board's live parts, put together once and handed to the components by injection. */
import { computed, inject, onMounted, onUnmounted, provide, ref, shallowRef, watch, type InjectionKey } from "vue";

import { get, Refused } from "@web/http";
import { LiveSocket } from "@web/live_socket";

import { BoardLink } from "./board_link";
import { seatOf, type Board } from "./board_state";
import { CommandDesk, type Task } from "./commands";
import { countLooks, duePass, isOnline, type Look } from "./seat_look";
import { keepExisting, NOTHING, type Selection } from "./seat_selection";
import { NAMESPACE, type BoardSnapshot, type ClientMessages, type SeatCard, type ServerMessages } from "./wire_types";
import { t } from "./words";

/** What the board needs from outside; the development page brings its own. */
export interface Surroundings {
  sittingId: string;
  roomId: string;
  readSnapshot: () => Promise<BoardSnapshot>;
  socket: Pick<LiveSocket<ClientMessages, ServerMessages>, "on" | "ask" | "start" | "stop">;
  whenConnected: (listener: (connected: boolean) => void) => void;
  desk?: ConstructorParameters<typeof CommandDesk>[3];
}

export function liveSurroundings(sittingId: string, roomId: string): Surroundings {
  let listener: (connected: boolean) => void = () => undefined;
  return {
    sittingId,
    roomId,
    readSnapshot: () => get<BoardSnapshot>(`/api/proctor/board/${sittingId}/${roomId}`, { timeoutMs: 4_000 }),
    socket: new LiveSocket<ClientMessages, ServerMessages>({
      namespace: NAMESPACE,
      onChange: (connected) => listener(connected),
    }),
    whenConnected: (wanted) => (listener = wanted),
  };
}

export function makeBoard(around: Surroundings) {
  const board = shallowRef<Board | null>(null);
  const selection = ref<Selection>(NOTHING);
  /** server time, one step a second: everything that counts is drawn from it */
  const nowMs = ref(0);
  const connected = ref(false);
  const dataAgeMs = ref<number | null>(null);
  const isBlind = ref(false);
  /** 401: signed out; 404: not our room */
  const refusedStatus = ref<number | null>(null);
  const task = shallowRef<Task | null>(null);
  const lookFilter = ref<Look | null>(null);

  const link = new BoardLink({
    readSnapshot: around.readSnapshot,
    watch: () => around.socket.ask("watch_room", { sitting_id: around.sittingId, room_id: around.roomId }, 3_000),
    now: () => performance.now(),
    onChange: show,
    onRefused: (failure) => {
      if (failure instanceof Refused) refusedStatus.value = failure.status;
    },
    isRefusal: (failure) => failure instanceof Refused && [401, 403, 404].includes(failure.status),
  });

  function show(): void {
    if (link.board !== board.value) {
      board.value = link.board;
      if (link.board) refusedStatus.value = null;
    }
    connected.value = link.connected;
    showTime();
  }

  function showTime(): void {
    nowMs.value = link.serverNow();
    const age = link.age();
    dataAgeMs.value = age === null ? null : Math.floor(age / 1000) * 1000;
    isBlind.value = link.isBlind();
  }

  watch(board, (present) => {
    if (present) selection.value = keepExisting(selection.value, present.seats);
  });

  const address = `/api/proctor/board/${around.sittingId}/${around.roomId}`;
  // The snapshot holds what deltas do not (signatures, the record's address).
  const desk = new CommandDesk(address, () => link.serverNow(), () => void link.read(), around.desk);

  let timer: ReturnType<typeof setTimeout> | undefined;
  /** Just after each whole second of the server, so that no clock skips one. */
  function tick(): void {
    showTime();
    void link.tick();
    timer = setTimeout(tick, 1_010 - (link.serverNow() % 1_000));
  }
  onMounted(() => {
    around.socket.on("board_delta", (delta) => link.receive(delta));
    around.whenConnected((isConnected) => void link.setConnected(isConnected));
    around.socket.start();
    void link.read();
    timer = setTimeout(tick, 1_000);
  });
  onUnmounted(() => {
    clearTimeout(timer);
    around.socket.stop();
  });

  const statuses = computed(() => Object.values(board.value?.statuses ?? {}));
  const hasStarted = computed(() => board.value !== null && nowMs.value >= board.value.header.starts_at_ms);
  const planned = computed(() => (board.value?.seats ?? []).filter((seat) => attemptAt(seat.seat_id) !== null));

  function attemptAt(seatId: string): string | null {
    return board.value?.statuses[seatId]?.attempt_id ?? null;
  }

  /** "12 号 陈晓明" for up to three, then how many. */
  function whom(attemptIds: readonly string[]): string {
    if (!board.value) return "";
    const names = attemptIds.slice(0, 3).map((id) => {
      const seat = board.value && seatOf(board.value, id);
      return seat ? `${t("seatNo", { n: seat.number })} ${seat.name}` : id;
    });
    return names.join("、") + (attemptIds.length > 3 ? ` … (${attemptIds.length})` : "");
  }

  return {
    ...{ board, selection, nowMs, connected, dataAgeMs, isBlind, refusedStatus, task, lookFilter, desk, hasStarted, planned, address },
    counts: computed(() => countLooks(statuses.value)),
    onlineCount: computed(() => statuses.value.filter(isOnline).length),
    unchecked: computed<SeatCard[]>(() =>
      (board.value?.seats ?? []).filter((seat) => duePass(board.value?.statuses[seat.seat_id], hasStarted.value) !== null),
    ),
    attemptAt,
    whom,
    reload: () => link.read(),
  };
}

export type BoardContext = ReturnType<typeof makeBoard>;
const KEY: InjectionKey<BoardContext> = Symbol("board");

export function provideBoard(context: BoardContext): void {
  provide(KEY, context);
}

export function useBoard(): BoardContext {
  const context = inject(KEY);
  if (!context) throw new Error("useBoard() outside of a board");
  return context;
}
