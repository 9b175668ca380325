// Working days between dates, with holidays, and a schedule in ISO dates.

const DAY_MS = 24 * 60 * 60 * 1000;
const iso = (date: Date) => date.toISOString().slice(0, 10);
const parse = (text: string) => {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  const date = new Date(`${text}T00:00:00Z`);
  if (match === null || Number.isNaN(date.getTime()) || iso(date) !== text) throw new RangeError(`'${text}' is not a date`);
  return date;
};

class Calendar {
  readonly #holidays: ReadonlySet<string>;

  constructor(holidays: Iterable<string>) {
    this.#holidays = new Set(holidays);
  }

  isWorkingDay(date: Date): boolean {
    const day = date.getUTCDay();
    return day !== 0 && day !== 6 && !this.#holidays.has(iso(date));
  }

  add(start: Date, days: number): Date {
    let date = start;
    for (let left = days; left > 0; ) {
      date = new Date(date.getTime() + DAY_MS);
      if (this.isWorkingDay(date)) left -= 1;
    }
    return date;
  }

  between(from: Date, to: Date): number {
    let count = 0;
    for (let at = from.getTime(); at < to.getTime(); at += DAY_MS) if (this.isWorkingDay(new Date(at))) count += 1;
    return count;
  }
}

export default function (input: { start: string; holidays: string[]; tasks: { name: string; days: number }[] }) {
  const calendar = new Calendar(input.holidays);
  let begin = parse(input.start);
  const plan = input.tasks.map(({ name, days }) => {
    const end = calendar.add(begin, days);
    const row = { name, from: iso(begin), to: iso(end), calendar_days: Math.round((end.getTime() - begin.getTime()) / DAY_MS) };
    begin = end;
    return row;
  });
  const month_ends = Array.from({ length: 3 }, (_, i) => iso(new Date(Date.UTC(2024, i + 1, 0))));
  const invalid = ["2024-02-30", "2023-02-29", "soon"].map((text) => {
    try {
      return iso(parse(text));
    } catch (error) {
      return error instanceof RangeError ? error.message : "?";
    }
  });
  return { plan, working: calendar.between(parse(input.start), begin), month_ends, invalid };
}
