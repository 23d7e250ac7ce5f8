// What the profiles have in common: how many users come when, what they may wait, and the table at the end.

import http from 'k6/http'
import { sleep } from 'k6'

// Ramp, steady, spike, and away again.
const stages = [
    { duration: '5s', target: 50 },
    { duration: '15s', target: 50 },
    { duration: '2s', target: 100 },
    { duration: '10s', target: 100 },
    { duration: '3s', target: 0 },
]

// The share of requests that may fail: 0.01 %.
const ERRORS = 0.0001

// So many requests make a p99 worth printing; what is hardly asked has not met anything.
const FEWEST = 500

// `targets` says of each endpoint within how many milliseconds 95 % of its answers have to be there.
export function options(targets) {
    const thresholds = Object.entries(targets).flatMap(([endpoint, p95]) => [
        [`http_req_duration{endpoint:${endpoint}}`, [`p(95)<${p95}`]],
        [`http_req_failed{endpoint:${endpoint}}`, [`rate<${ERRORS}`]],
        [`http_reqs{endpoint:${endpoint}}`, [`count>=${FEWEST}`]],
    ])
    return {
        scenarios: { users: { executor: 'ramping-vus', startVUs: 1, stages, gracefulStop: '5s' } },
        thresholds: Object.fromEntries(thresholds),
        discardResponseBodies: true,
        summaryTrendStats: ['p(50)', 'p(95)', 'p(99)'],
    }
}

// A user asks for each of these in turn, and thinks for about `seconds` behind each.
export function visit(targets, seconds) {
    for (const endpoint of Object.keys(targets)) {
        http.get(`${__ENV.URL}${endpoint}`, { tags: { endpoint } })
        sleep(seconds * (0.5 + Math.random()))
    }
}

export function table({ metrics }, targets) {
    const rows = Object.entries(targets).map(([endpoint, p95]) => {
        const of = (name) => metrics[`${name}{endpoint:${endpoint}}`]
        const [duration, failed, asked] = ['http_req_duration', 'http_req_failed', 'http_reqs'].map(of)
        const isMet = ({ thresholds }) => Object.values(thresholds).every(({ ok }) => ok)
        return [
            endpoint,
            ...['p(50)', 'p(95)', 'p(99)'].map((name) => `${duration.values[name].toFixed(2)} ms`),
            `${(100 * failed.values.rate).toFixed(3)} %`,
            `${asked.values.count}`,
            `p95 < ${p95} ms, errors < ${100 * ERRORS} %`,
            [duration, failed, asked].every(isMet) ? 'met' : 'MISSED',
        ]
    })
    return { stdout: aligned([['endpoint', 'p50', 'p95', 'p99', 'errors', 'requests', 'target', ''], ...rows]) }
}

function aligned(rows) {
    const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
    const line = (row) => row.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd()
    return `\n${rows.map(line).join('\n')}\n`
}
