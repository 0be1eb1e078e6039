/** A point of an image, in pixels: x to the right, y down. */
export interface Point {
  readonly x: number
  readonly y: number
}

/** The map `(x, y) -> (a x - b y + tx, b x + a y + ty)`: a turn, a scaling and a shift. */
export interface Similarity {
  readonly a: number
  readonly b: number
  readonly tx: number
  readonly ty: number
}

export const meanPoint = (points: readonly Point[]): Point => ({
  x: points.reduce((sum, { x }) => sum + x, 0) / points.length,
  y: points.reduce((sum, { y }) => sum + y, 0) / points.length,
})

/** The similarity that brings `from` closest to `to`, in the sense of least squares; undefined where all of `from` are one point. */
export const fitSimilarity = (from: readonly Point[], to: readonly Point[]): Similarity | undefined => {
  const [p, q] = [meanPoint(from), meanPoint(to)]
  let [spread, along, across] = [0, 0, 0]
  for (const [i, point] of from.entries()) {
    const [px, py, qx, qy] = [point.x - p.x, point.y - p.y, to[i]!.x - q.x, to[i]!.y - q.y]
    spread += px * px + py * py
    along += px * qx + py * qy
    across += px * qy - py * qx
  }
  if (!(spread > 1e-12)) return undefined
  const [a, b] = [along / spread, across / spread]
  return { a, b, tx: q.x - (a * p.x - b * p.y), ty: q.y - (b * p.x + a * p.y) }
}

export const applySimilarity = ({ a, b, tx, ty }: Similarity, { x, y }: Point): Point => ({
  x: a * x - b * y + tx,
  y: b * x + a * y + ty,
})

/** @throws RangeError for a map to a single point. */
export const invertSimilarity = ({ a, b, tx, ty }: Similarity): Similarity => {
  const scale = a * a + b * b
  if (!(scale > 0)) throw new RangeError('a map to a single point has no inverse.')
  const [ia, ib] = [a / scale, -b / scale]
  return { a: ia, b: ib, tx: -(ia * tx - ib * ty), ty: -(ib * tx + ia * ty) }
}
