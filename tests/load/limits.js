// Two clients with an address each: one asks far more than it may, the other does not; and probes, which are free.

import http from 'k6/http'
import { check, sleep } from 'k6'
import exec from 'k6/execution'

// What is allowed at once, and then a second; as tests/load/run configures it.
const [BURST, A_SECOND] = [20, 1]

const [GREEDY, POLITE, PROBES] = [400, 10, 50]
const FREE = ['/health', '/health/live', '/health/ready', '/metrics']

// All of them: a client that stumbled has proved nothing.
const REQUESTS = GREEDY + POLITE + PROBES * FREE.length

export const options = {
    scenarios: { clients: { executor: 'per-vu-iterations', vus: 2, iterations: 1, maxDuration: '1m' } },
    thresholds: { checks: ['rate==1'], http_reqs: [`count==${REQUESTS}`] },
}

const get = (endpoint) => http.get(`${__ENV.URL}${endpoint}`)
const times = (number, endpoint) => Array.from({ length: number }, () => get(endpoint))

function greedy() {
    const begun = Date.now()
    const answers = times(GREEDY, '/api/v1/alerts')
    const seconds = (Date.now() - begun) / 1000
    const isServed = ({ status }) => status === 200
    const served = answers.filter(isServed)
    const refused = answers.filter(({ status }) => status === 429)
    const most = BURST + A_SECOND * seconds + 1
    check(answers, {
        'a client is served its burst': () => answers.slice(0, BURST).every(isServed),
        'then what its rate allows, and the rest is refused': () => served.length <= most && served.length + refused.length === GREEDY,
        'it is told when to come back': () => refused.every(({ headers }) => Number(headers['Retry-After']) >= 1),
        'and its limit': () => answers.every(({ headers }) => headers['X-Ratelimit-Limit'] === '60'),
        'probes and metrics are never refused': () =>
            FREE.flatMap((endpoint) => times(PROBES, endpoint)).every(({ status }) => status === 200),
    })
}

function polite() {
    for (let asked = 0; asked < POLITE; asked += 1) {
        check(get('/api/v1/alerts'), { 'another client, which keeps to it, is served meanwhile': ({ status }) => status === 200 })
        sleep(1)
    }
}

export default () => (exec.vu.idInInstance === 1 ? greedy() : polite())

export function handleSummary({ root_group: { checks }, metrics: { http_reqs } }) {
    const made = { name: 'requests were made', passes: http_reqs.values.count, fails: REQUESTS - http_reqs.values.count }
    const line = ({ name, passes, fails }) => `${fails === 0 ? 'met   ' : 'MISSED'}  ${name} (${passes} of ${passes + fails})`
    return { stdout: `\n${[...checks, made].map(line).join('\n')}\n` }
}
