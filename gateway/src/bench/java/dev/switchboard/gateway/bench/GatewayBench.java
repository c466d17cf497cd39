package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * What the gateway adds to a worker that answers at once, beside other gateways.
 *
 * <p>The generator (this process) and the worker share one core, and whatever is measured has
 * another; all of them run from the first round to the last and are loaded in turns, so that what
 * the machine does meanwhile falls on all alike. After each load on our gateway its metrics must
 * agree with what the clients saw, to the request.
 */
@Command(
    name = "bench gateway",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Measures what the gateway adds to a worker that answers at once: latency at 500",
      "requests a second, requests a second on 8 connections, gaps between the tokens of",
      "many streams, processor time, and how soon it refuses requests, by reason.",
      "Medians over rounds; '+' is above the direct way."
    })
public final class GatewayBench implements Callable<Integer> {
  /** Whether our gateway is measured under the agent. */
  enum AgentUse {
    WITHOUT,
    WITH,
    BOTH
  }

  @Mixin private Amount amount = new Amount();

  @Option(names = "--streams", description = "streams side by side (the preset's)")
  private @Nullable Integer streams;

  @Option(
      names = "--only",
      split = ",",
      description = "measures only these: ${COMPLETION-CANDIDATES}")
  private Set<Workload> only = EnumSet.noneOf(Workload.class);

  @Option(
      names = "--agent",
      defaultValue = "BOTH",
      description = {
        "with the OpenTelemetry agent of up, whose spans are made and not exported:",
        "${COMPLETION-CANDIDATES} (both)"
      })
  private AgentUse agent = AgentUse.BOTH;

  @Option(names = "--nginx", paramLabel = "FILE", description = "also nginx, as a plain proxy")
  private @Nullable Path nginx;

  @Option(
      names = "--portkey",
      paramLabel = "DIRECTORY",
      description = "also Portkey's gateway: the installed npm package @portkey-ai/gateway")
  private @Nullable Path portkey;

  /** What the gateways take the worker for. */
  enum Worker {
    /** One of ours: it tells a timeline with each answer, which is read. */
    ENGINE,
    /** Any server of OpenAI's API. */
    FOREIGN
  }

  @Option(
      names = "--worker",
      defaultValue = "ENGINE",
      description = {
        "what the gateways take the worker for, one of ours, which tells a timeline",
        "with each answer, or any server: ${COMPLETION-CANDIDATES} (engine)"
      })
  private Worker worker = Worker.ENGINE;

  @Option(names = "--java-option", description = "of the gateways' JVMs; repeatable")
  private List<String> javaOptions = new ArrayList<>();

  private final List<Target> targets = new ArrayList<>();

  /** Of each gateway of ours the one with little room, for what is refused. */
  private final Map<String, Target> tight = new HashMap<>();

  public static void main(String[] arguments) {
    System.exit(commandLine().execute(arguments));
  }

  static CommandLine commandLine() {
    return new CommandLine(new GatewayBench()).setCaseInsensitiveEnumValuesAllowed(true);
  }

  @Override
  public Integer call() throws IOException {
    check();
    try (TestBed bed = TestBed.open()) {
      GatewayReport report = new GatewayReport(machine(bed));
      try {
        start(bed);
        measure(bed, report);
        targets.stream()
            .filter(target -> target.admin() != null)
            .forEach(target -> report.telemetry(target.name(), bed.metrics(target)));
      } finally {
        targets.forEach(Target::close);
        tight.values().forEach(Target::close);
      }
      report.print(System.out);
      if (amount.json() != null) {
        report.write(amount.json());
      }
      return bed.status();
    }
  }

  private void check() {
    amount.check();
    amount.requireFile("--agent", agent == AgentUse.WITHOUT ? null : Target.agentJar());
    amount.requireFile("--nginx", nginx);
    amount.requireFile(
        "--portkey", portkey == null ? null : portkey.resolve("build/start-server.js"));
    amount.requirePositive("--streams", streams);
  }

  private void start(TestBed bed) throws IOException {
    InetSocketAddress address = bed.worker();
    targets.add(Target.direct(address));
    if (agent != AgentUse.WITH) {
      start(bed, address, "gateway", false, javaOptions);
    }
    if (agent != AgentUse.WITHOUT) {
      List<String> options = new ArrayList<>(List.of("-Dotel.traces.exporter=none"));
      options.addAll(javaOptions);
      start(bed, address, "gateway with agent", true, options);
    }
    if (nginx != null) {
      targets.add(Target.nginx(bed, address, nginx));
    }
    if (portkey != null) {
      targets.add(Target.portkey(bed, address, portkey));
    }
  }

  private void start(
      TestBed bed, InetSocketAddress address, String name, boolean agent, List<String> options)
      throws IOException {
    int warmUp = amount.preset().warmUpRequests;
    boolean engine = worker == Worker.ENGINE;
    targets.add(
        Target.gateway(
            bed,
            address,
            new Target.Setup(name, agent, options, engine, warmUp, Target.Setup.ALL)));
    if (wanted().contains(Workload.OVERLOAD)) {
      String little = name + " with little room";
      tight.put(
          name,
          Target.gateway(
              bed,
              address,
              new Target.Setup(little, agent, options, engine, warmUp, RefusalKind.gateway())));
    }
  }

  private Set<Workload> wanted() {
    return only.isEmpty() ? EnumSet.allOf(Workload.class) : only;
  }

  private String machine(TestBed bed) {
    return String.format(
        Locale.ROOT,
        "%s; %d round(s) of %d s, %d requests/s, %d streams x 20 tokens/s",
        bed.machine(),
        amount.rounds(),
        amount.seconds(),
        amount.rate(),
        plan().streams());
  }

  private Workload.Plan plan() {
    return amount.plan(streams);
  }

  private void measure(
      TestBed bed, GatewayReport report, String name, Target asked, Workload workload)
      throws IOException {
    Map<String, Double> values = bed.reconciled(asked, workload, plan()).values();
    report.add(name, workload, values);
    if (workload == Workload.OVERLOAD) {
      for (RefusalKind kind : RefusalKind.values()) {
        if (values.getOrDefault(kind.value(50), Double.NaN).isNaN()) {
          bed.fault(name + " refused nothing for " + kind.label());
        }
      }
    }
  }

  private void measure(TestBed bed, GatewayReport report) throws IOException {
    Set<Workload> served = EnumSet.copyOf(wanted());
    served.remove(Workload.OVERLOAD);
    for (Target target : targets) {
      bed.warm(List.of(target), served, plan(), amount.warmSeconds());
    }
    for (Target target : tight.values()) {
      bed.warm(List.of(target), EnumSet.of(Workload.OVERLOAD), plan(), amount.warmSeconds());
    }
    for (int round = 1; round <= amount.rounds(); round++) {
      for (Workload workload : wanted()) {
        for (Target target : targets) {
          Target asked = workload == Workload.OVERLOAD ? tight.get(target.name()) : target;
          if (asked != null) {
            System.err.printf(
                "round %d of %d: %s, %s%n",
                round, amount.rounds(), workload.label(), target.name());
            measure(bed, report, target.name(), asked, workload);
          }
        }
      }
    }
  }
}
