/**
 * The toy recipe in a process that is killed, by SIGKILL, at a point of its choice: `killed-recipe.fixture.ts <directory> <point>`. Points
 * are counted: each piece of work, and each time that a folder is made or something is renamed or removed. The lock has tests of its own.
 */
import { existsSync } from 'node:fs'
import files from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { toyRecipe } from './toy-recipe.fixture'

const [directory, point] = process.argv.slice(2) as [string, string]
let count = 0
const pass = (path: string) => {
  if (path.includes('run.lock')) return
  if (++count === Number(point)) process.kill(process.pid, 'SIGKILL')
}
const { mkdir, rename, rm } = files
Object.assign(files, {
  mkdir: (...args: Parameters<typeof mkdir>) => {
    // The folders of files are mostly there.
    if (!existsSync(args[0])) pass(String(args[0]))
    return mkdir(...args)
  },
  rename: (...args: Parameters<typeof rename>) => {
    pass(String(args[0]))
    return rename(...args)
  },
  rm: (...args: Parameters<typeof rm>) => {
    pass(String(args[0]))
    return rm(...args)
  },
})
syncBuiltinESMExports()
await toyRecipe(directory, pass)
