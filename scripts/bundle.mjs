// Brings the code (not the type declarations) of one project and of all it depends on up to date, quietly.
// Usage: node scripts/bundle.mjs <project>
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const project = process.argv[2]
const nx = spawn('nx', ['run', `${project}:bundle`], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  env: { ...process.env, NX_TUI: 'false' },
  stdio: ['ignore', 'pipe', 'pipe'],
  shell: process.platform === 'win32',
})
const output = []
for (const stream of [nx.stdout, nx.stderr]) stream.on('data', (chunk) => output.push(chunk))
// An up-to-date build takes a second and needs no word.
const patience = setTimeout(() => process.stderr.write('Building (once) ...\n'), 2500)
nx.on('error', (error) => output.push(`${error.message}\n`))
nx.on('close', (code) => {
  clearTimeout(patience)
  if (code === 0) return
  process.stderr.write(`${output.join('')}\nCould not build ${project}. Has "npm ci" finished?\n`)
  process.exitCode = 1
})
