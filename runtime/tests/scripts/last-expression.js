// A notebook: the last expression is the result.
const rows = [
  { city: "Lisbon", degrees: [18, 21, 19] },
  { city: "Oslo", degrees: [4, 7, 2] },
];
const mean = (list) => list.reduce((a, b) => a + b, 0) / list.length;
const summary = rows.map(({ city, degrees }) => ({ city, mean: +mean(degrees).toFixed(1), max: Math.max(...degrees) }));
console.table(summary);
({ warmest: summary.toSorted((a, b) => b.mean - a.mean)[0].city, summary })
