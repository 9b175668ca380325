// Linear algebra on typed arrays: products, determinants, a system of equations, powers.

class Matrix {
  readonly #cells: Float64Array;

  constructor(readonly rows: number, readonly columns: number, cells?: Iterable<number>) {
    this.#cells = cells === undefined ? new Float64Array(rows * columns) : Float64Array.from(cells);
    if (this.#cells.length !== rows * columns) throw new RangeError(`${this.#cells.length} cells do not make ${rows}x${columns}`);
  }

  static from(rows: number[][]): Matrix {
    return new Matrix(rows.length, rows[0]?.length ?? 0, rows.flat());
  }

  static identity(size: number): Matrix {
    return new Matrix(size, size, Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0)));
  }

  at(row: number, column: number): number {
    return this.#cells[row * this.columns + column]!;
  }

  multiply(other: Matrix): Matrix {
    if (this.columns !== other.rows) throw new RangeError(`${this.columns} columns do not fit ${other.rows} rows`);
    const product = new Matrix(this.rows, other.columns);
    for (let i = 0; i < this.rows; i++) {
      for (let j = 0; j < other.columns; j++) {
        let sum = 0;
        for (let k = 0; k < this.columns; k++) sum += this.at(i, k) * other.at(k, j);
        product.#cells[i * other.columns + j] = sum;
      }
    }
    return product;
  }

  power(n: number): Matrix {
    if (n === 0) return Matrix.identity(this.rows);
    const half = this.power(n >> 1);
    const square = half.multiply(half);
    return n & 1 ? square.multiply(this) : square;
  }

  transpose(): Matrix {
    return Matrix.from(Array.from({ length: this.columns }, (_, j) => Array.from({ length: this.rows }, (_, i) => this.at(i, j))));
  }

  /** Gauss with partial pivoting; gives the determinant and, with right sides, the solution. */
  solve(right: number[] = []): { determinant: number; solution: number[] } {
    const n = this.rows;
    const a = this.toArray().map((row, i) => [...row, right[i] ?? 0]);
    let determinant = 1;
    for (let c = 0; c < n; c++) {
      const pivot = a.slice(c).reduce((best, row, i) => (Math.abs(row[c]!) > Math.abs(a[best]![c]!) ? c + i : best), c);
      if (Math.abs(a[pivot]![c]!) < 1e-12) return { determinant: 0, solution: [] };
      if (pivot !== c) [a[c], a[pivot], determinant] = [a[pivot]!, a[c]!, -determinant];
      determinant *= a[c]![c]!;
      for (let r = c + 1; r < n; r++) {
        const factor = a[r]![c]! / a[c]![c]!;
        for (let k = c; k <= n; k++) a[r]![k]! -= factor * a[c]![k]!;
      }
    }
    const solution = new Array<number>(n).fill(0);
    for (let r = n - 1; r >= 0; r--) {
      const known = solution.reduce((sum, x, k) => (k > r ? sum + a[r]![k]! * x : sum), 0);
      solution[r] = (a[r]![n]! - known) / a[r]![r]!;
    }
    return { determinant, solution };
  }

  toArray(): number[][] {
    return Array.from({ length: this.rows }, (_, i) => [...this.#cells.subarray(i * this.columns, (i + 1) * this.columns)]);
  }

  toJSON(): number[][] {
    return this.toArray();
  }
}

export default function () {
  const a = Matrix.from([[2, 1, -1], [-3, -1, 2], [-2, 1, 2]]);
  const { determinant, solution } = a.solve([8, -11, -3]);
  console.log(a.toArray());
  let misfit = "";
  try {
    a.multiply(Matrix.from([[1, 2]]));
  } catch (error) {
    misfit = (error as RangeError).message;
  }
  return {
    determinant: Math.round(determinant * 1e9) / 1e9, solution: solution.map((x) => Math.round(x * 1e9) / 1e9), transposed: a.transpose(),
    fibonacci: Matrix.from([[1, 1], [1, 0]]).power(50).at(0, 1), singular: Matrix.from([[1, 2], [2, 4]]).solve().determinant, misfit,
  };
}
