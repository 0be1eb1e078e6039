export { codebookDiversity } from './codebook-diversity'
export { type ContrastiveInputs, type ContrastiveOutput, contrastiveLoss } from './contrastive'
export { type CtcInputs, ctc } from './ctc'
export { featurePenalty } from './feature-penalty'
