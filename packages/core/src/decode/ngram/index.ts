export { type Ngram, NgramModel } from './ngram-model'
export { parseArpa, readArpa } from './read-arpa'
export { characterUnits, type Discounts, type TrainNgramOptions, trainNgram } from './train-ngram'
export { writeArpa } from './write-arpa'
