package dev.switchboard.gateway.telemetry;

/** What a series is told apart by, and why its values are few. */
public enum Label {
  AGENT("agent", "`true` or `false`"),
  AGREES("agrees", "`true` or `false`"),
  BAND("band", "`critical`, `high`, `normal`, `sheddable`"),
  CACHE("cache", "`hit`, `miss`; `none` of generated tokens"),
  CAUSE(
      "cause",
      "why a stream moved, a handshake failed or an objective was missed, or what tokens were"
          + " wasted for: an outcome, `hedge`, `moved` or `preempted`"),
  CLASS("class", "a service class of the configuration or the store"),
  DEVICE("device", "0 to 63, CUDA's number of a device at its worker"),
  DIRECTION("direction", "`prompt` or `completion`"),
  EDGE("edge", "a name of `edge`"),
  ENDPOINT("endpoint", "an operation of the API, such as `chat`; `other` for refused paths"),
  FATE("fate", "`finished`, `moved`, `restarted`, `abandoned`, `broken`, `remaining`"),
  FROM("from", "a state, or a served model"),
  KIND("kind", "a closed set of each metric"),
  LIMIT("limit", "`total`, `client`, `admin` or `admin_client`"),
  LISTENER("listener", "`api` or `admin`"),
  MODEL("model", "a served model; `other` for all that are not"),
  OBJECTIVE("objective", "`availability`, `ttft`, `tpot`, `deadline`"),
  OUTCOME("outcome", "how a request ended, such as `ok`, `shed`, `deadline`"),
  PART("part", "`request`, `scrape` or `export`"),
  PHASE("phase", "a phase of a request"),
  POLICY("policy", "a routing policy"),
  RANK("rank", "0 to 15"),
  REASON("reason", "`no_replica`, `deadline`, `late`, `unreachable` or `budget`"),
  REPLICA(
      "replica", "a worker or an upstream of the configuration; `none` where nobody was chosen"),
  RESULT("result", "a closed set of each metric"),
  SIDE("side", "`worker` or `gateway`"),
  STAGE("stage", "0 to 15"),
  STATE("state", "a state of a replica, of its sequences, of its KV blocks or of an endpoint"),
  TO("to", "a state, or a served model"),
  VERDICT("verdict", "`admitted`, or the reason of a refusal"),
  WATCH("watch", "a kind of object of Kubernetes with its namespace, and name or selector"),
  VERSION("version", "this version"),
  WITHIN("within", "`true` or `false`");

  private final String word;
  private final String meaning;

  Label(String word, String meaning) {
    this.word = word;
    this.meaning = meaning;
  }

  /** Its name in a series. */
  public String word() {
    return word;
  }

  /** What it may say, for the reference page. */
  public String meaning() {
    return meaning;
  }
}
