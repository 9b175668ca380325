// The same list, grouped in five ways.

type Employee = { name: string; team: string; level: 1 | 2 | 3; manager: string | null; salary: number };

export default function ({ employees }: { employees: Employee[] }) {
  const byTeam = Map.groupBy(employees, (e) => e.team);
  const byLevel = Object.groupBy(employees, ({ level }) => `level ${level}` as const);
  const index = new Map(employees.map((e) => [e.name, e]));
  const reports = new Map<string | null, string[]>();
  for (const { name, manager } of employees) {
    (reports.get(manager) ?? reports.set(manager, []).get(manager)!).push(name);
  }
  const chain = (name: string): string[] => {
    const manager = index.get(name)?.manager;
    return manager ? [name, ...chain(manager)] : [name];
  };
  const stats = [...byTeam.entries()].map(([team, members]) => {
    const salaries = members.map((m) => m.salary).sort((a, b) => a - b);
    const middle = salaries.length >> 1;
    const median = salaries.length % 2 ? salaries[middle]! : (salaries[middle - 1]! + salaries[middle]!) / 2;
    return { team, size: members.length, median, max: Math.max(...salaries) };
  });
  const pivot: Record<string, Record<string, number>> = {};
  for (const e of employees) ((pivot[e.team] ??= {})[`l${e.level}`] ??= 0), (pivot[e.team]![`l${e.level}`]! += 1);
  console.table(pivot);
  console.log(byTeam, new Set(employees.map((e) => e.level)));
  return {
    stats: stats.sort((a, b) => b.median - a.median),
    levels: Object.entries(byLevel).map(([level, list]) => `${level}: ${list!.map((e) => e.name).join(", ")}`),
    reports,
    chains: employees.map((e) => chain(e.name).join(" > ")).filter((path) => path.includes(">")),
    unique_teams: new Set(byTeam.keys()),
  };
}
