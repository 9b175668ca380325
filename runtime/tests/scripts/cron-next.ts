// Reads cron expressions and tells when they are due next, in UTC.

type Field = { name: string; min: number; max: number; names?: string[] };

const FIELDS: Field[] = [
  { name: "minute", min: 0, max: 59 },
  { name: "hour", min: 0, max: 23 },
  { name: "day", min: 1, max: 31 },
  { name: "month", min: 1, max: 12, names: "jan feb mar apr may jun jul aug sep oct nov dec".split(" ") },
  { name: "weekday", min: 0, max: 6, names: "sun mon tue wed thu fri sat".split(" ") },
];

function parseField(text: string, { name, min, max, names }: Field): Set<number> {
  const values = new Set<number>();
  const value = (word: string): number => {
    const named = names?.indexOf(word.toLowerCase()) ?? -1;
    const n = named >= 0 ? named + min : Number(word);
    if (!Number.isInteger(n) || n < min || n > max) throw new RangeError(`${name}: '${word}' is not between ${min} and ${max}`);
    return n;
  };
  for (const part of text.split(",")) {
    const [range = "", step = "1"] = part.split("/");
    const [from, to] = range === "*" ? [min, max] : range.includes("-") ? range.split("-").map(value) : [value(range), part.includes("/") ? max : value(range)];
    for (let n = from!; n <= to!; n += Number(step)) values.add(n);
  }
  return values;
}

function parse(expression: string): Set<number>[] {
  const parts = expression.trim().split(/\s+/);
  if (parts.length !== 5) throw new SyntaxError(`'${expression}' has ${parts.length} fields, not 5`);
  return parts.map((part, i) => parseField(part, FIELDS[i]!));
}

function* occurrences(expression: string, after: Date): Generator<Date> {
  const [minutes, hours, days, months, weekdays] = parse(expression) as [Set<number>, Set<number>, Set<number>, Set<number>, Set<number>];
  const date = new Date(after);
  date.setUTCSeconds(0, 0);
  date.setUTCMinutes(date.getUTCMinutes() + 1);
  while (date.getUTCFullYear() < after.getUTCFullYear() + 5) {
    if (!months.has(date.getUTCMonth() + 1)) date.setUTCMonth(date.getUTCMonth() + 1, 1), date.setUTCHours(0, 0);
    else if (!days.has(date.getUTCDate()) || !weekdays.has(date.getUTCDay())) date.setUTCDate(date.getUTCDate() + 1), date.setUTCHours(0, 0);
    else if (!hours.has(date.getUTCHours())) date.setUTCHours(date.getUTCHours() + 1, 0);
    else if (!minutes.has(date.getUTCMinutes())) date.setUTCMinutes(date.getUTCMinutes() + 1);
    else {
      yield new Date(date);
      date.setUTCMinutes(date.getUTCMinutes() + 1);
    }
  }
}

export default function ({ now, expressions }: { now: string; expressions: string[] }) {
  return expressions.map((expression) => {
    try {
      return { expression, next: occurrences(expression, new Date(now)).take(3).map((d) => d.toISOString().slice(0, 16)).toArray() };
    } catch (error) {
      const { name, message } = error as Error;
      console.error(`${name}: ${message}`);
      return { expression, error: message };
    }
  });
}
