import { describe, expect, it } from 'vitest'
import { checkVersion } from './api'
import { tidyMessage, XlaError } from './errors'
import { API_TABLE, ARGS, SLOTS } from './layouts'

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
