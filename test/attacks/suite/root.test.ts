import { siege } from './siege.ts'

siege('root')
