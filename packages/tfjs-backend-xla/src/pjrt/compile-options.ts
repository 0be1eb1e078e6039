/** Settings of one compilation, sent to XLA as a `CompileOptionsProto`. */
export interface CompileOptions {
  /** Copies of the program run side by side on as many devices, each with its own arguments. Default 1. */
  readonly replicas?: number
  /** Devices one program is split over, as its sharding annotations say. Default 1. */
  readonly partitions?: number
  /** Devices to run on, one a replica or partition. Default: the first ones. */
  readonly devices?: readonly number[]
  /** The program's shardings are written in the Shardy dialect. */
  readonly shardy?: boolean
  /** XLA's own flags by name, without `--`, e.g. `{ xla_backend_optimization_level: 1 }`. */
  readonly flags?: Readonly<Record<string, string | number | boolean>>
}

/**
 * Encodes compile options. The number of replicas and partitions is always written:
 * without them XLA fails a check and aborts the process.
 */
export function encodeCompileOptions(options: CompileOptions = {}): Uint8Array {
  const { replicas = 1, partitions = 1, devices, shardy, flags = {} } = options
  const build: number[] = []
  build.push(...field(4, 0), ...varint(replicas), ...field(5, 0), ...varint(partitions))
  if (partitions > 1) build.push(...field(6, 0), 1)
  if (devices || partitions > 1) {
    build.push(...message(9, deviceAssignment(replicas, partitions, devices ?? range(replicas * partitions))))
  }
  if (shardy) build.push(...field(19, 0), 1)
  const proto = message(3, build)
  for (const [name, value] of Object.entries(flags)) {
    proto.push(...message(7, [...message(1, utf8(name)), ...message(2, flagValue(value))]))
  }
  return Uint8Array.from(proto)
}

function deviceAssignment(replicas: number, partitions: number, devices: readonly number[]): number[] {
  const bytes = [...field(1, 0), ...varint(replicas), ...field(2, 0), ...varint(partitions)]
  for (let partition = 0; partition < partitions; partition++) {
    const ids = range(replicas).flatMap((replica) => varint(devices[partition * replicas + replica]!))
    bytes.push(...message(3, message(1, ids)))
  }
  return bytes
}

function flagValue(value: string | number | boolean): number[] {
  if (typeof value === 'string') return message(1, utf8(value))
  if (typeof value === 'boolean') return [...field(2, 0), value ? 1 : 0]
  if (Number.isInteger(value)) return [...field(3, 0), ...varint(value)]
  return [...field(4, 1), ...new Uint8Array(new Float64Array([value]).buffer)]
}

function field(number: number, wireType: number): number[] {
  return varint((number << 3) | wireType)
}

function message(number: number, body: readonly number[]): number[] {
  return [...field(number, 2), ...varint(body.length), ...body]
}

function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  while (rest >= 128n) {
    bytes.push(Number(rest & 127n) | 128)
    rest >>= 7n
  }
  bytes.push(Number(rest))
  return bytes
}

function utf8(text: string): number[] {
  return [...new TextEncoder().encode(text)]
}

function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i)
}
