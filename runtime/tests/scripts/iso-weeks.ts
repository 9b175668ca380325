// Weeks of ISO 8601 around the turns of years, and events counted by them.

interface Week {
  year: number;
  week: number;
}

function isoWeek(date: Date): Week {
  const thursday = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()));
  thursday.setUTCDate(thursday.getUTCDate() + 4 - (thursday.getUTCDay() || 7));
  const year = thursday.getUTCFullYear();
  const week = Math.ceil(((thursday.getTime() - Date.UTC(year, 0, 1)) / 86_400_000 + 1) / 7);
  return { year, week };
}

const label = ({ year, week }: Week) => `${year}-W${String(week).padStart(2, "0")}`;

function monday({ year, week }: Week): Date {
  const fourth = new Date(Date.UTC(year, 0, 4));
  return new Date(Date.UTC(year, 0, 4 - ((fourth.getUTCDay() || 7) - 1) + (week - 1) * 7));
}

export default function ({ events }: { events: { at: string; kind: string }[] }) {
  const labelled = ["2020-12-31", "2021-01-03", "2021-01-04", "2024-12-30", "2026-01-01", "2027-01-01"].map((text) => [text, label(isoWeek(new Date(text)))]);
  const counts = new Map<string, Record<string, number>>();
  for (const { at, kind } of events) {
    const date = new Date(at);
    if (Number.isNaN(date.valueOf())) {
      console.warn("no date: %o", at);
      continue;
    }
    const key = label(isoWeek(date));
    const row = counts.get(key) ?? {};
    row[kind] = (row[kind] ?? 0) + 1;
    counts.set(key, row);
  }
  const weeks = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  console.log(new Date("2024-02-29T12:00:00+02:00"), new Date(NaN));
  return {
    labelled, weeks, mondays: [1, 10, 53].map((week) => monday({ year: 2026, week }).toISOString().slice(0, 10)),
    round_trip: labelled.every(([text]) => label(isoWeek(monday(isoWeek(new Date(text!))))) === label(isoWeek(new Date(text!)))),
    parsed: [Date.parse("2024-01-01"), Date.parse("2024-01-01T00:00"), Date.UTC(2024, 0, 1), new Date(2024, 0, 1).getTime()],
  };
}
