// In: why the fake server answers nothing else. Out: an RFC 9457 problem.
// May touch: nothing.
// Security boundary: no.

export class Refusal extends Error {
  readonly status: number;
  readonly kind: string;
  readonly headers: Record<string, string>;
  readonly more: object;

  constructor(status: number, kind: string, detail: string, headers: Record<string, string> = {}, more: object = {}) {
    super(detail);
    [this.status, this.kind, this.headers, this.more] = [status, kind, headers, more];
  }

  get body(): string {
    return JSON.stringify({ type: "about:blank", title: this.kind, status: this.status, detail: this.message, kind: this.kind, ...this.more });
  }
}
