// Amounts and dates as people of several countries write them.

export default function ({ cents, at }: { cents: number; at: string }) {
  const date = new Date(at);
  const money = (locale: string, currency: string) => new Intl.NumberFormat(locale, { style: "currency", currency }).format(cents / 100);
  const day = (locale: string) => new Intl.DateTimeFormat(locale, { dateStyle: "long", timeZone: "UTC" }).format(date);
  const names = ["Zoë", "Ångström", "apple", "Äpfel", "zebra"];
  const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  return {
    money: [money("en-US", "USD"), money("de-DE", "EUR"), money("ja-JP", "JPY")].map((text) => text.replace(/\s/g, " ")),
    days: [day("en-GB"), day("de-DE"), day("fr-FR")],
    sorted: names.toSorted(new Intl.Collator("de").compare),
    plain: names.toSorted((a, b) => a.localeCompare(b, "en", { sensitivity: "base" })),
    plural: [1, 2, 5].map((n) => new Intl.PluralRules("en").select(n)),
    relative: [relative.format(-1, "day"), relative.format(3, "hour")],
    list: new Intl.ListFormat("en", { type: "conjunction" }).format(["a", "b", "c"]),
    grouped: (1234567.891).toLocaleString("en-US"),
  };
}
