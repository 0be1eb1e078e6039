/** Which axes of input, kernel and output are batch, feature and space. */
export interface ConvolutionAxes {
  readonly batch: number
  readonly feature: number
  readonly spatial: readonly number[]
}

export interface ConvolutionOptions {
  readonly input: ConvolutionAxes
  /** `batch` is the kernel's input-feature axis and `feature` its output-feature axis. */
  readonly kernel: ConvolutionAxes
  readonly output: ConvolutionAxes
  readonly strides: readonly number[]
  readonly padding: readonly (readonly [number, number])[]
  /** Spacing of the input's elements: zeros are put between (transposed convolution). Default 1. */
  readonly inputDilation?: readonly number[]
  /** Spacing of the kernel's taps. Default 1. */
  readonly kernelDilation?: readonly number[]
  readonly groups?: number
  /** Groups over the batch axis instead (weight gradients of grouped convolutions). Default 1. */
  readonly batchGroups?: number
}

const ones = (n: number): number[] => Array.from({ length: n }, () => 1)
const array = (values: readonly number[]): string => `array<i64: ${values.join(', ')}>`

export const convolutionShape = (
  input: readonly number[],
  kernel: readonly number[],
  options: ConvolutionOptions,
): number[] => {
  const { groups = 1, batchGroups = 1 } = options
  const rank = options.strides.length
  const { inputDilation = ones(rank), kernelDilation = ones(rank) } = options
  const inputFeatures = input[options.input.feature]!
  if (inputFeatures !== kernel[options.kernel.batch]! * groups) {
    throw new Error(
      `convolution of [${input}] with kernel [${kernel}] in ${groups} group(s): ${inputFeatures} input channels do not fit.`,
    )
  }
  const shape = new Array<number>(rank + 2)
  shape[options.output.batch] = input[options.input.batch]! / batchGroups
  shape[options.output.feature] = kernel[options.kernel.feature]!
  for (let i = 0; i < rank; i++) {
    const length =
      (input[options.input.spatial[i]!]! - 1) * inputDilation[i]! + 1 + options.padding[i]![0] + options.padding[i]![1]
    const span = (kernel[options.kernel.spatial[i]!]! - 1) * kernelDilation[i]! + 1
    if (length < span)
      throw new Error(`convolution of [${input}] with kernel [${kernel}]: the input is shorter than the kernel.`)
    shape[options.output.spatial[i]!] = Math.floor((length - span) / options.strides[i]!) + 1
  }
  return shape
}

const layout = ({ batch, feature, spatial }: ConvolutionAxes, names: readonly [string, string]): string => {
  const axes = new Array<string>(spatial.length + 2)
  axes[batch] = names[0]
  axes[feature] = names[1]
  for (const [i, axis] of spatial.entries()) axes[axis] = String(i)
  return `[${axes.join(', ')}]`
}

export const convolutionAttributes = (options: ConvolutionOptions): string => {
  const rank = options.strides.length
  const { groups = 1, batchGroups = 1, inputDilation = ones(rank), kernelDilation = ones(rank) } = options
  const numbers = `${layout(options.input, ['b', 'f'])}x${layout(options.kernel, ['i', 'o'])}->${layout(options.output, ['b', 'f'])}`
  return [
    `window_strides = ${array(options.strides)}`,
    `padding = dense<[${options.padding.map(([low, high]) => `[${low}, ${high}]`).join(', ')}]> : tensor<${rank}x2xi64>`,
    `lhs_dilation = ${array(inputDilation)}`,
    `rhs_dilation = ${array(kernelDilation)}`,
    `dimension_numbers = #stablehlo.conv<${numbers}>`,
    `feature_group_count = ${groups} : i64`,
    `batch_group_count = ${batchGroups} : i64`,
    'precision_config = [#stablehlo<precision HIGHEST>, #stablehlo<precision HIGHEST>]',
  ].join(', ')
}
