/** What runs later in this process. */
export interface EventLoop {
  /** Runs `action` in the next turn, after what has arrived by then. */
  soon(action: () => void): void;
  /** Runs `action` once, not before `milliseconds` have passed. */
  after(milliseconds: number, action: () => void): void;
}

/** The runtime's own loop. */
export const runtimeLoop: EventLoop = {
  soon: (action) => {
    setImmediate(action);
  },
  after: (milliseconds, action) => {
    setTimeout(action, milliseconds);
  },
};
