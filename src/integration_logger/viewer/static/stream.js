// Server-sent events by fetch: unlike an EventSource it says why it was refused, and comes back at once
// when the server ends a stream in good order.

const LONGEST_WAIT = 5000;

export class Stream {
  constructor(url, lastId, { onEvent, onState }) {
    this.url = url;
    this.lastId = lastId;
    this.onEvent = onEvent;
    this.onState = onState;
    this.failures = 0;
    this.retry = 0;
    this.stopped = false;
    this.run();
  }

  stop() {
    this.stopped = true;
    this.controller?.abort();
    clearTimeout(this.timer);
    this.wake?.();
  }

  async run() {
    while (!this.stopped) {
      const began = performance.now();
      try {
        await this.once();
        this.failures = 0;
        // Where the server cannot keep a stream open it says how often to ask.
        await this.pause(Math.max(0, this.retry - (performance.now() - began)));
      } catch (error) {
        if (this.stopped || error.refused) break;
        this.failures += 1;
        this.onState("waiting", error.message);
        await this.pause(Math.min(LONGEST_WAIT, 250 * 2 ** this.failures));
      }
    }
  }

  pause(milliseconds) {
    return new Promise((resolve) => {
      this.wake = resolve;
      this.timer = setTimeout(resolve, milliseconds);
    });
  }

  async once() {
    this.controller = new AbortController();
    const headers = this.lastId === null ? {} : { "Last-Event-ID": String(this.lastId) };
    const response = await fetch(this.url, { headers, signal: this.controller.signal, cache: "no-store" });
    if (!response.ok) throw await this.refusal(response);
    this.onState("on");
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) this.read(block);
    }
  }

  async refusal(response) {
    const said = await response.json().catch(() => null);
    const error = new Error(said?.error?.message ?? `The server answered ${response.status}.`);
    error.refused = [400, 401, 403, 404].includes(response.status);
    if (error.refused) this.onState("refused", error.message);
    return error;
  }

  read(block) {
    let name = "message";
    let data = null;
    for (const line of block.split("\n")) {
      if (line.startsWith("data: ")) data = line.slice(6);
      else if (line.startsWith("event: ")) name = line.slice(7);
      else if (line.startsWith("id: ")) this.lastId = line.slice(4);
      else if (line.startsWith("retry: ")) this.retry = Number(line.slice(7));
    }
    if (data !== null) this.onEvent(name, data);
  }
}
