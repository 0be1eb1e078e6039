import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCommand } from './testing/run-command'

let cwd: string
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'babble-recipes-'))
})
afterAll(() => rmSync(cwd, { recursive: true, force: true }))

/** What the command says of a recipe file, and of settings after it. */
const complaints = async (yaml: string, ...settings: string[]): Promise<string> => {
  writeFileSync(join(cwd, 'recipe.yaml'), yaml)
  const argv = ['pretrain', 'wav2vec2', '--recipe', 'recipe.yaml', '--print-recipe', ...settings]
  const { code, out, err } = await runCommand(argv, { cwd })
  expect(code).toBe(2)
  expect(out).toBe('')
  return err
}

/** The effective recipe. */
const effective = async (yaml: string, ...settings: string[]): Promise<Record<string, unknown>> => {
  writeFileSync(join(cwd, 'recipe.yaml'), yaml)
  const argv = ['pretrain', 'wav2vec2', '--recipe', 'recipe.yaml', '--print-recipe', '--json', ...settings]
  const { code, out, err } = await runCommand(argv, { cwd })
  expect(err).toBe('')
  expect(code).toBe(0)
  return JSON.parse(out) as Record<string, unknown>
}

describe('what is wrong with a recipe', () => {
  it('names file, line and column of a mistyped key, and what was probably meant', async () => {
    expect(await complaints('size: tiny\nmaxStep: 20\n')).toBe(
      'babble: recipe.yaml:2:1: there is no key "maxStep". Did you mean "maxSteps"?\n',
    )
    expect(await complaints('size: tiny\noptimizer:\n  learning_rate: 1e-3\n')).toBe(
      'babble: recipe.yaml:3:3: there is no key "learning_rate" in optimizer. Did you mean "optimizer.learningRate"?\n',
    )
    expect(await complaints('config:\n  hidenSize: 64\n')).toBe(
      'babble: recipe.yaml:2:3: there is no key "hidenSize" in config. Did you mean "config.hiddenSize"?\n',
    )
  })

  it('finds a key that stands one level too high', async () => {
    expect(await complaints('weightDecay: 0\n')).toBe(
      'babble: recipe.yaml:1:1: there is no key "weightDecay". Did you mean "optimizer.weightDecay"?\n',
    )
  })

  it('lists the keys there are when none is near', async () => {
    expect(await complaints('gumbelTemperature:\n  warmth: 3\n')).toBe(
      'babble: recipe.yaml:2:3: there is no key "warmth" in gumbelTemperature. It has start, end, decay.\n',
    )
  })

  it('says what values are allowed', async () => {
    expect(await complaints('size: tinny\n')).toBe(
      'babble: recipe.yaml:1:7: size is "tinny"; it must be one of tiny, base or large. Did you mean "tiny"?\n',
    )
    expect(await complaints('precision: bf61\n')).toBe(
      'babble: recipe.yaml:1:12: precision is "bf61"; it must be one of float32 or bf16. Did you mean "bf16"?\n',
    )
    expect(await complaints('maxSteps: many\n')).toBe(
      'babble: recipe.yaml:1:11: maxSteps is "many"; it must be a whole number of at least 1.\n',
    )
    expect(await complaints('maxSteps: 0\n')).toBe(
      'babble: recipe.yaml:1:11: maxSteps is 0; it must be a whole number of at least 1.\n',
    )
    expect(await complaints('optimizer: {betas: [0.9, 2]}\n')).toBe(
      'babble: recipe.yaml:1:26: optimizer.betas.1 is 2; it must be a number from 0 to 1.\n',
    )
    expect(await complaints('optimizer:\n')).toBe(
      'babble: recipe.yaml:1:11: optimizer is null; it must be a mapping with the keys learningRate, betas, eps or weightDecay.\n',
    )
    expect(await complaints('schedule: {name: cosin, warmup: 0}\n')).toBe(
      'babble: recipe.yaml:1:18: schedule.name is "cosin"; it must be one of polynomial, cosine, triStage or constant. Did you mean "cosine"?\n',
    )
    expect(await complaints('config:\n  layerdrop: 1.5\n')).toBe(
      'babble: recipe.yaml:2:14: config.layerdrop is 1.5; it must be a number of at least 0 and below 1.\n',
    )
  })

  it('notices fields that do not go together', async () => {
    expect(await complaints('config:\n  hiddenSize: 100\n')).toBe(
      'babble: recipe.yaml:2:15: config.hiddenSize is 100; hiddenSize (100) is not a multiple of numAttentionHeads (12). Change one of the two.\n',
    )
  })

  it('tells everything at once, and names the option of the command line where that is at fault', async () => {
    expect(await complaints('maxStep: 20\nseed: -1\n', '--set', 'optimizer.lr=1', '--steps', 'ten')).toBe(
      [
        'babble: --steps: maxSteps is "ten"; it must be a whole number of at least 1.',
        'recipe.yaml:2:7: seed is -1; it must be a whole number of at least 0.',
        '--set optimizer.lr=1: there is no key "lr" in optimizer. It has learningRate, betas, eps, weightDecay.',
        'recipe.yaml:1:1: there is no key "maxStep". Did you mean "maxSteps"?',
        '',
      ].join('\n'),
    )
  })

  it('gives scripts the same as data', async () => {
    writeFileSync(join(cwd, 'recipe.yaml'), 'size: tiny\nmaxStep: 20\n')
    const argv = ['pretrain', 'wav2vec2', '--recipe', 'recipe.yaml', '--json', '--data', 'nowhere']
    const { code, out } = await runCommand(argv, { cwd })
    expect(code).toBe(2)
    const { error } = JSON.parse(out) as { error: { name: string; problems: { allowed: string[] }[] } }
    expect(error.name).toBe('RecipeError')
    expect(error.problems).toMatchObject([
      {
        place: { source: 'recipe.yaml', line: 2, column: 1 },
        key: 'maxStep',
        message: 'there is no key "maxStep".',
        suggestion: 'maxSteps',
      },
    ])
    expect(error.problems[0]!.allowed).toContain('optimizer')
  })

  it('refuses a recipe for another model or task', async () => {
    expect(await complaints('model: hubert\n')).toBe(
      'babble: recipe.yaml:1:8: model is "hubert", but this recipe is used for wav2vec2.\n',
    )
    expect(await complaints('task: finetune\n')).toBe(
      'babble: recipe.yaml:1:7: task is "finetune", but this recipe is used for pretrain.\n',
    )
  })

  it('refuses what is not YAML, or no mapping, with its place', async () => {
    expect(await complaints('size: tiny\nsize: base\n')).toBe(
      'babble: recipe.yaml:2:1: this is not YAML: Map keys must be unique.\n',
    )
    expect(await complaints('size: [tiny\n')).toBe(
      'babble: recipe.yaml:2:1: this is not YAML: Flow sequence in block collection must be sufficiently indented and end with a ].\n',
    )
    expect(await complaints('- size\n')).toBe('babble: recipe.yaml:1:1: a recipe is a mapping of keys to values.\n')
    expect(await complaints('size: !!js/function "process.exit()"\n')).toBe(
      'babble: recipe.yaml:1:7: Unresolved tag: tag:yaml.org,2002:js/function.\n',
    )
  })

  it('does not follow aliases into a huge value, nor nesting into the ground, nor reads a huge file', async () => {
    const bomb = ['a: &a [0,0,0,0,0,0,0,0,0,0]', 'b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]']
    bomb.push('c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]', 'd: [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]')
    expect(await complaints(bomb.join('\n'))).toBe(
      'babble: recipe.yaml: its aliases stand for too much. Write the values out.\n',
    )
    expect(await complaints('['.repeat(100_000))).toMatch(/^babble: recipe\.yaml/)
    expect(await complaints(`# ${'x'.repeat(1 << 20)}\n`)).toBe(
      'babble: recipe.yaml: it has 1048579 bytes; a recipe has at most 1048576.\n',
    )
  })

  it('says that a recipe is not there', async () => {
    const { code, err } = await runCommand(['pretrain', 'wav2vec2', '--recipe', 'none.yaml', '--data', 'x'], { cwd })
    expect({ code, err }).toEqual({ code: 2, err: 'babble: none.yaml: there is no such recipe. Check the path.\n' })
  })
})

describe('the effective recipe', () => {
  it("is the paper's where nothing is said", async () => {
    expect(await effective('')).toMatchObject({
      model: 'wav2vec2',
      task: 'pretrain',
      size: 'base',
      maxSteps: 400_000,
      optimizer: { learningRate: 5e-4, betas: [0.9, 0.98], eps: 1e-6, weightDecay: 0.01 },
      schedule: { name: 'polynomial', warmup: 0.08, power: 1, end: 0 },
      gumbelTemperature: { start: 2, end: 0.5, decay: 0.999995 },
      config: { hiddenSize: 768, numHiddenLayers: 12, maskTimeProb: 0.65, numNegatives: 100 },
      data: { batchSamples: 64 * 1_400_000 },
    })
  })

  it("is that of HuBERT's iterations, by what the labels are clusters of", async () => {
    const hubert = async (...options: string[]) =>
      JSON.parse((await runCommand(['pretrain', 'hubert', '--print-recipe', '--json', ...options], { cwd })).out)
    const first = { labelsFrom: 'mfcc', maxSteps: 250_000, config: { labelRate: 100 }, data: { cropSamples: 250_000 } }
    expect(await hubert()).toMatchObject({ size: 'base', ...first })
    expect(await hubert('--labels-from', 'layer')).toMatchObject({ maxSteps: 400_000, config: { labelRate: 50 } })
    // LARGE learns the labels of a BASE model.
    const large = await hubert('--size', 'large', '--labels', 'a.km', 'b.km', '--valid-labels', 'c.km')
    expect(large).toMatchObject({ labelsFrom: 'layer', maxSteps: 400_000, optimizer: { learningRate: 1.5e-3 } })
    expect(large).toMatchObject({ labels: ['a.km', 'b.km'], validLabels: ['c.km'] })
    expect(large.config.numClasses).toBeUndefined()
  })

  it('takes options over the file, and settings over both', async () => {
    const yaml = 'size: large\nmaxSteps: 7\nseed: 3\noptimizer: {weightDecay: 0.5}\n'
    const recipe = await effective(
      yaml,
      '--size',
      'tiny',
      '--steps',
      '8',
      '--set',
      'maxSteps=9',
      '--set',
      'config={"layerdrop": 0.25}',
    )
    expect(recipe).toMatchObject({
      size: 'tiny',
      maxSteps: 9,
      seed: 3,
      optimizer: { learningRate: 2e-3, weightDecay: 0.5 },
      config: { hiddenSize: 128, layerdrop: 0.25 },
    })
  })

  it('replaces a mapping whose name changes, and completes it', async () => {
    const { schedule } = await effective('schedule: {name: cosine, warmup: 0.2}\n')
    expect(schedule).toEqual({ name: 'cosine', warmup: 0.2, end: 0 })
  })

  it.each([
    ['pretrain', 'wav2vec2', '--size', 'large'],
    ['finetune', 'wav2vec2', '--labelled', '1h'],
    ['finetune', 'wav2vec2', '--size', 'tiny'],
    ['pretrain', 'hubert', '--size', 'xlarge'],
    ['finetune', 'hubert', '--labelled', '10h'],
  ])('printed for %s %s %s %s and read again is the same', async (...argv) => {
    const [task, model, ...options] = argv as [string, string, string, string]
    const print = (...more: string[]) => runCommand([task, model, '--print-recipe', ...more], { cwd })
    const { out } = await print(...options)
    writeFileSync(join(cwd, 'printed.yaml'), out)
    expect((await print('--recipe', 'printed.yaml')).out).toBe(out)
    expect((await print('--recipe', 'printed.yaml', '--json')).out).toBe((await print(...options, '--json')).out)
  })
})
