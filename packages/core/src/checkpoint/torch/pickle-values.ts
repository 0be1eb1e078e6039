import type { HostTensor, SafetensorsDtype } from '../host-tensor'

/** What a pickle can hold once it is read: data alone, whatever the file says. Lists and tuples are both arrays. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | Set<PickleValue>
  | PickleGlobal
  | PickleRecord
  | TorchStorage
  | TorchTensor
  | NumpyArray
  | NumpyDtype

/** The name of a Python class or function. A name and no more: nothing can be called with it. */
export class PickleGlobal {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}

  get path(): string {
    return `${this.module}.${this.name}`
  }
}

/**
 * An object of a Python class that is not understood but harmless to know of: the name of its class, what it was made with and what
 * was put into it.
 */
export class PickleRecord {
  /** What `__setstate__` or `__dict__` would have been given. */
  state: PickleValue | undefined
  /** What would have been appended (subclasses of list), and set by key (subclasses of dict). */
  readonly items: PickleValue[] = []
  readonly entries = new Map<PickleValue, PickleValue>()

  constructor(
    readonly type: PickleGlobal,
    readonly args: readonly PickleValue[],
  ) {}

  /** A field of the object's state. */
  get(field: string): PickleValue | undefined {
    return this.state instanceof Map ? this.state.get(field) : undefined
  }
}

/** Numbers in a row, elsewhere in the file. */
export class TorchStorage {
  constructor(
    readonly key: string,
    readonly dtype: SafetensorsDtype,
    /** Elements. */
    readonly length: number,
    /** Elements to skip: a view of another storage (older files). */
    readonly start = 0,
  ) {}
}

/** A tensor whose numbers are still in the file: see `TorchFile.read`. */
export class TorchTensor {
  constructor(
    readonly storage: TorchStorage,
    readonly dtype: SafetensorsDtype,
    readonly shape: readonly number[],
    /** Elements to step over in the storage for one step along each axis. */
    readonly strides: readonly number[],
    /** Element of the storage at which the tensor begins. */
    readonly offset: number,
  ) {}
}

/** A NumPy array; without a tensor if its elements are objects, big-endian or in another order of axes. */
export class NumpyArray {
  tensor: HostTensor | undefined
}

/** An element type of NumPy, such as `<f4`. */
export class NumpyDtype {
  littleEndian = true
  constructor(readonly code: string) {}
}
