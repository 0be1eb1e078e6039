import { describe, expect, it } from 'vitest'
import { checkVersion, PjrtApi } from './api'
import { tidyMessage, XlaError } from './errors'
import { API_TABLE, type ApiFunction, ARGS, SLOTS } from './layouts'
import { addressOf } from './native'

describe('checkVersion', () => {
  const wholeTable = API_TABLE.functions + 8 * 138

  it('accepts the versions this package was tried with', () => {
    expect(() => checkVersion('p.so', { major: 0, minor: 106 }, wholeTable)).not.toThrow()
    expect(() => checkVersion('p.so', { major: 0, minor: 116 }, wholeTable + 80)).not.toThrow()
  })

  it('refuses plugins older than 0.100, which compute wrong results with donated buffers', () => {
    expect(() => checkVersion('p.so', { major: 0, minor: 81 }, wholeTable)).toThrow(
      /API version 0\.81, older than 0\.100/,
    )
  })

  it('refuses another major version', () => {
    expect(() => checkVersion('p.so', { major: 1, minor: 200 }, wholeTable)).toThrow(/speaks version 0/)
  })

  it('refuses an API table too short for the functions called', () => {
    const needed = API_TABLE.functions + 8 * (Math.max(...Object.values(SLOTS)) + 1)
    expect(() => checkVersion('p.so', { major: 0, minor: 115 }, needed)).not.toThrow()
    expect(() => checkVersion('p.so', { major: 0, minor: 115 }, needed - 8)).toThrow(XlaError)
  })
})

describe('a plugin whose table does not fit', () => {
  /** A table of functions that would crash if one were called. */
  const table = (change: (view: DataView) => void): PjrtApi => {
    const view = new DataView(new ArrayBuffer(API_TABLE.functions + 8 * 138))
    view.setBigUint64(API_TABLE.structSize, BigInt(view.byteLength), true)
    view.setBigUint64(API_TABLE.versionStructSize, 24n, true)
    view.setInt32(API_TABLE.minorVersion, 115, true)
    for (let slot = 0; slot < 138; slot++) view.setBigUint64(API_TABLE.functions + 8 * slot, 0x10n, true)
    change(view)
    return new PjrtApi('fake.so', addressOf(view))
  }
  const without = (name: ApiFunction) =>
    table((view) => view.setBigUint64(API_TABLE.functions + 8 * SLOTS[name], 0n, true))

  it('is refused with a sentence before anything is called', () => {
    expect(table(() => {}).version).toEqual({ major: 0, minor: 115 })
    expect(() => table((view) => view.setInt32(API_TABLE.minorVersion, 81, true))).toThrow(
      /fake\.so has API version 0\.81, older than 0\.100: .*Install a current one/,
    )
    expect(() => table((view) => view.setInt32(API_TABLE.majorVersion, 1, true))).toThrow(/speaks version 0/)
    expect(() => table((view) => view.setBigUint64(API_TABLE.structSize, 400n, true))).toThrow(
      /0\.115, but its table of functions takes 400 bytes where \d+ are needed.*install it again/,
    )
    for (const size of [0n, 16n, 0x7fff_ffff_ffffn]) {
      expect(() => table((view) => view.setBigUint64(API_TABLE.versionStructSize, size, true))).toThrow(
        /no readable API version/,
      )
    }
  })

  it('is refused without a function that is needed, and taken without one that can be missed', () => {
    expect(() => without('LoadedExecutable_Execute')).toThrow(
      /lacks LoadedExecutable_Execute, which this package needs/,
    )
    const api = without('Executable_Serialize')
    expect(() => api.function('Executable_Serialize')).toThrow(/does not offer Executable_Serialize/)
  })
})

describe('layouts', () => {
  it('keep every field inside its struct and after the common header', () => {
    for (const [name, { size, fields }] of Object.entries(ARGS)) {
      for (const [field, offset] of Object.entries(fields)) {
        expect(offset, `${name}.${field}`).toBeGreaterThanOrEqual(16)
        expect(offset, `${name}.${field}`).toBeLessThan(size)
      }
    }
  })
})

describe('tidyMessage', () => {
  const boilerplate =
    '<unknown>:0: error: Failed to parse using StableHLO v1.20.0, this could indicate forward incompatibility.'

  it('keeps what tells about the failure and says that a position is in the program', () => {
    expect(tidyMessage(`-:3:7: error: custom op 'x' is unknown\n${boilerplate}\n`)).toBe(
      "program:3:7: error: custom op 'x' is unknown",
    )
  })

  it('keeps a message that is nothing but boilerplate', () => {
    expect(tidyMessage(boilerplate)).toBe(boilerplate)
  })
})
