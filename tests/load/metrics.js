// The page that Prometheus reads, with the series of 1 000 SLOs.

import { options as staged, table, visit } from './stages.js'

const TARGETS = {
    '/metrics': 50,
}

export const options = staged(TARGETS)

export default () => visit(TARGETS, 2)

export const handleSummary = (data) => table(data, TARGETS)
