import { siege } from './siege.ts'

siege('rootless')
