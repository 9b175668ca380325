// What TypeScript adds to classes, compiled: enums, namespaces, parameter properties, abstract classes, overloads.

enum Level {
  Low = 1,
  Middle,
  High = Middle * 2,
}

enum Colour {
  Red = "RED",
  Blue = "BLUE",
}

const enum Flag {
  None = 0,
  Read = 1 << 0,
  Write = 1 << 1,
  All = Read | Write,
}

namespace Geometry {
  export const PRECISION = 2;
  export interface Sized {
    area(): number;
  }
  export namespace Units {
    export const metres = (n: number) => `${n.toFixed(PRECISION)} m`;
  }
}

abstract class Shape implements Geometry.Sized {
  static #count = 0;
  static get count(): number {
    return Shape.#count;
  }

  protected constructor(readonly name: string, protected colour: Colour = Colour.Red) {
    Shape.#count += 1;
  }

  abstract area(): number;

  describe(this: Shape): string {
    return `${this.colour.toLowerCase()} ${this.name} of ${this.area().toFixed(Geometry.PRECISION)}`;
  }

  get [Symbol.toStringTag](): string {
    return `Shape:${this.name}`;
  }
}

class Circle extends Shape {
  constructor(public radius: number) {
    super("circle", Colour.Blue);
  }

  override area(): number {
    return Math.PI * this.radius ** 2;
  }
}

class Rectangle extends Shape {
  readonly #sides: [number, number];

  constructor(width: number, height: number = width, name = "rectangle") {
    super(name);
    this.#sides = [width, height];
  }

  area = (): number => this.#sides[0] * this.#sides[1];

  static isRectangle(value: object): value is Rectangle {
    return #sides in value;
  }
}

function pick(key: "a"): number;
function pick(key: "b"): string;
function pick(key: string): unknown {
  return { a: 1, b: "two" }[key];
}

export default function () {
  const shapes: Shape[] = [new Circle(1), new Rectangle(2, 3), new (class Square extends Rectangle {})(4, 4, "square")];
  console.log(shapes);
  console.log(Level, Circle, Shape);
  return {
    described: shapes.map((s) => s.describe()),
    largest: shapes.reduce((a, b) => (a.area() > b.area() ? a : b)).name,
    levels: [Level.High, Level[2], Level[Level.Low]],
    flags: [Flag.All & Flag.Write, Flag.None, (Flag.Read | Flag.Write) === Flag.All],
    units: Geometry.Units.metres(1.005),
    rectangles: shapes.filter((s) => Rectangle.isRectangle(s)).length,
    count: Shape.count, tag: Object.prototype.toString.call(shapes[0]), picked: [pick("a"), pick("b")],
  };
}
