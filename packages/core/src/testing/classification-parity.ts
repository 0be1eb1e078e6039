import * as tf from '@tensorflow/tfjs-core'
import { compile } from '../engine/index'
import type { SequenceClassificationModel } from '../speech/index'
import type { ParityFixture } from './parity-fixture'

const relative = 1e-4

/**
 * Compares a classifier's scores, its loss and all its gradients with a fixture's, to 1e-4.
 *
 * @returns The names of the gradients that there are, as the fixture has them.
 */
export const compareClassification = (model: SequenceClassificationModel, fixture: ParityFixture): string[] => {
  const parameters = [...model.namedParameters()]
  const inputs = {
    inputValues: fixture.input('input_values'),
    attentionMask: fixture.input('attention_mask'),
    labels: fixture.input('labels'),
  }
  const step = compile((given: typeof inputs) => {
    let logits: tf.Tensor | undefined
    const { value, grads } = tf.variableGrads(
      () => {
        const output = model.forward(given)
        logits = tf.keep(output.logits)
        return output.loss!
      },
      parameters.map(([, variable]) => variable),
    )
    const gradients = parameters.flatMap(([name, variable]) => {
      const gradient = grads[variable.name]
      return gradient ? [[`grad.${name}`, gradient] as const] : []
    })
    return { loss: value, logits: logits!, gradients: Object.fromEntries(gradients) }
  })
  const { loss, logits, gradients } = step(inputs)
  fixture.compare('logits', logits, { relative })
  fixture.compare('loss', loss, { relative })
  for (const [name, gradient] of Object.entries(gradients)) {
    // The gradient of a key bias is zero but for rounding.
    fixture.compare(name, gradient, { relative, absolute: /k_proj\.bias$/.test(name) ? 1e-6 : 0 })
  }
  const forward = compile((inputValues: tf.Tensor) => model.forward({ inputValues }).logits)
  fixture.compare('unpadded.logits', forward(inputs.inputValues), { relative })
  return Object.keys(gradients)
}
