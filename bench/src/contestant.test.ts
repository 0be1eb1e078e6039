import { describe, expect, it } from 'vitest'
import { Contestant, ContestantError } from './contestant'

/** A contestant that introduces itself and answers each request by the given expression over `request`. */
const launch = (answer: string) => ({
  title: 'Toy',
  command: process.execPath,
  args: [
    '-e',
    `console.log(JSON.stringify({ name: 'toy 1' }))
     require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
       const request = JSON.parse(line)
       console.log(JSON.stringify(${answer}))
     })`,
  ],
})

describe('Contestant', () => {
  it('introduces itself and answers requests in order', async () => {
    const { contestant, introduction } = await Contestant.start(launch('{ doubled: request.value * 2 }'))
    expect(introduction).toEqual({ name: 'toy 1' })
    expect(await contestant.ask({ value: 2 })).toEqual({ doubled: 4 })
    expect(await contestant.ask({ value: 5 }, 60)).toEqual({ doubled: 10 })
    contestant.stop()
  })

  it('passes on what went wrong, and can be asked again', async () => {
    const { contestant } = await Contestant.start(launch('request.bad ? { error: "no such op" } : {}'))
    await expect(contestant.ask({ bad: true })).rejects.toThrow('Toy: no such op')
    expect(await contestant.ask({})).toEqual({})
    contestant.stop()
  })

  it('says so when it ends before it answers', async () => {
    const { contestant } = await Contestant.start(launch('process.exit(1)'))
    await expect(contestant.ask({})).rejects.toThrow(ContestantError)
    expect(contestant.running).toBe(false)
  })

  it('ends one that is late', async () => {
    const { contestant } = await Contestant.start(launch('(() => { for (;;); })()'))
    await expect(contestant.ask({}, 0.2)).rejects.toThrow('Toy: not done within 0.2 s')
  })

  it('does not start when it cannot take part, and says why', async () => {
    const absent = { title: 'Toy', command: process.execPath, args: ['-e', `console.log('{"unavailable":"no GPU"}')`] }
    await expect(Contestant.start(absent)).rejects.toThrow('Toy: no GPU')
    const broken = { title: 'Toy', command: process.execPath, args: ['-e', ''] }
    await expect(Contestant.start(broken)).rejects.toThrow('Toy ended before it answered')
  })
})
