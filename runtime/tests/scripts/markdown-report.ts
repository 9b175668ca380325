// A report in Markdown, with a table whose columns are aligned.

interface Service {
  name: string;
  uptime: number;
  incidents: { title: string; minutes: number }[];
}

type Align = "left" | "right";

function table(header: string[], rows: string[][], align: Align[]): string {
  const widths = header.map((cell, i) => Math.max(cell.length, ...rows.map((row) => row[i]!.length), 3));
  const pad = (cell: string, i: number) => (align[i] === "right" ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!));
  const line = (cells: string[]) => `| ${cells.map(pad).join(" | ")} |`;
  const rule = widths.map((w, i) => (align[i] === "right" ? "-".repeat(w - 1) + ":" : "-".repeat(w)));
  return [line(header), line(rule), ...rows.map(line)].join("\n");
}

const percent = (n: number) => `${(n * 100).toFixed(2)} %`;
const plural = (n: number, word: string) => `${n} ${word}${n === 1 ? "" : "s"}`;

export default function report({ services, month }: { services: Service[]; month: string }) {
  const minutes = (s: Service) => s.incidents.reduce((sum, i) => sum + i.minutes, 0);
  const worst = services.toSorted((a, b) => a.uptime - b.uptime)[0]!;
  const sections = services
    .filter((s) => s.incidents.length > 0)
    .map((s) => `### ${s.name}\n\n${s.incidents.map((i) => `- ${i.title} (${plural(i.minutes, "minute")})`).join("\n")}`);
  const markdown = [
    `# Uptime in ${month}`,
    table(
      ["Service", "Uptime", "Down"],
      services.map((s) => [s.name, percent(s.uptime), plural(minutes(s), "minute")]),
      ["left", "right", "right"],
    ),
    `Worst: **${worst.name}** at ${percent(worst.uptime)}.`,
    ...sections,
  ].join("\n\n");
  console.log(markdown);
  return { markdown, lines: markdown.split("\n").length };
}
