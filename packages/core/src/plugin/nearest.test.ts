import { expect, it } from 'vitest'
import { nearest } from './nearest'

const keys = ['learningRate', 'maxSteps', 'seed', 'warmup', 'end']

it.each([
  ['learning_rate', 'learningRate'],
  ['LEARNINGRATE', 'learningRate'],
  ['maxStep', 'maxSteps'],
  ['sede', 'seed'],
  ['wramup', 'warmup'],
  ['edn', 'end'],
])('%s was probably meant to be %s', (word, meant) => {
  expect(nearest(word, keys)).toBe(meant)
})

it.each(['lr', 'x', 'temperature', 'banana', 'y'.repeat(5000)])('nothing is near %s', (word) => {
  expect(nearest(word, keys)).toBeUndefined()
})
