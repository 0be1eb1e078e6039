import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'

// The command as npm has linked it, in a folder that holds nothing but the installed packages.
const babble = (...args) => execFileSync('node_modules/.bin/babble', args, { encoding: 'utf8' })
assert.match(babble('--help'), /Usage: babble \[options\] \[command\]/)
assert.match(babble('pretrain', 'wav2vec2', '--help'), /babble pretrain wav2vec2 --data corpus --size tiny/)
assert.match(
  babble('finetune', 'wav2vec2', '--print-recipe', '--size', 'tiny'),
  /^model: wav2vec2\ntask: finetune\nsize: tiny/,
)
assert.match(babble('engine', 'install', '--help'), /tfjs-xla install cpu/)
const { models } = JSON.parse(babble('models', '--json'))
assert.deepEqual(
  models.map(({ name }) => name),
  ['wav2vec2'],
)
const { status, stderr } = spawnSync('node_modules/.bin/babble', ['pretrain', 'hubert'], { encoding: 'utf8' })
assert.equal(status, 2)
assert.match(stderr, /npm install @babble\/hubert/)
console.log(`babble ${babble('--version').trim()} finds ${models[0].package}`)
