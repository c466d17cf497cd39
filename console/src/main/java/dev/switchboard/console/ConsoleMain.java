package dev.switchboard.console;

import dev.switchboard.console.api.AdminKeys;
import dev.switchboard.console.api.GatewayAddress;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.web.Tls;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Starts the console and keeps it until a signal. Standard output has one line of JSON: ready. */
@Command(
    name = "switchboard-console",
    description = "The operator console of Switchboard: a web application over the admin API.",
    mixinStandardHelpOptions = true,
    versionProvider = ConsoleMain.Version.class,
    sortOptions = false,
    footer = {
      "",
      "Environment:",
      "  SWITCHBOARD_CONSOLE_VIEWER_KEY, SWITCHBOARD_CONSOLE_OPERATOR_KEY,",
      "  SWITCHBOARD_CONSOLE_ADMIN_KEY   the gateway's keys, where --keys-file has none",
    })
public final class ConsoleMain implements Callable<Integer> {
  private static final int FAILED = 1;

  @Spec private @Nullable CommandSpec spec;

  @Option(
      names = "--listen",
      paramLabel = "ADDRESS",
      defaultValue = "127.0.0.1",
      description = "address to listen on (default ${DEFAULT-VALUE})")
  private String listen = "";

  @Option(
      names = "--port",
      paramLabel = "N",
      defaultValue = "9902",
      description = "port to listen on, 0 for any free one (default ${DEFAULT-VALUE})")
  private int port;

  @Option(
      names = "--gateway",
      paramLabel = "[NAME=]URL",
      description =
          "admin address of a gateway; repeat for several (default http://127.0.0.1:9901)")
  private List<String> gateways = new ArrayList<>();

  @Option(
      names = "--keys-file",
      paramLabel = "FILE",
      description = "the gateway's keys: lines of viewer=KEY, operator=KEY and admin=KEY")
  private @Nullable Path keysFile;

  @Option(
      names = "--state",
      paramLabel = "FOLDER",
      defaultValue = "data/console",
      description =
          "users and the last hour's points (default ${DEFAULT-VALUE} where it is started)")
  private Path state = Path.of("data", "console");

  @Option(
      names = "--host",
      paramLabel = "NAME",
      description = "name by which browsers reach it, beside localhost and --listen; repeatable")
  private List<String> hosts = new ArrayList<>();

  @Option(
      names = "--behind-tls",
      description =
          "a proxy speaks TLS before it: cookies are Secure, --listen may be any address, and a"
              + " browser's address is the last one in X-Forwarded-For")
  private boolean behindTls;

  @Option(
      names = "--tls-certificate",
      paramLabel = "FILE",
      description = "speaks TLS itself: its certificate in PEM, then those that lead to a root")
  private @Nullable Path tlsCertificate;

  @Option(
      names = "--tls-key",
      paramLabel = "FILE",
      description = "the key of the certificate, in PEM (PKCS #8)")
  private @Nullable Path tlsKey;

  @Option(
      names = "--gateway-ca",
      paramLabel = "FILE",
      description = "certificates in PEM that gateways' lead to, instead of the system's")
  private @Nullable Path gatewayCa;

  @Option(
      names = "--prometheus",
      paramLabel = "URL",
      description = "a Prometheus that scrapes the gateways, asked for more than the last hour")
  private @Nullable URI prometheus;

  @Option(
      names = "--idle-minutes",
      paramLabel = "N",
      defaultValue = "60",
      description = "a session that is not used for so long ends, 1 to 1440 (default 60)")
  private int idleMinutes;

  @Option(
      names = "--trace-url",
      paramLabel = "URL",
      description = "where a trace is looked up; has {trace_id}")
  private @Nullable String traceUrl;

  private ConsoleMain() {}

  /** The entry point. */
  public static void main(String[] arguments) {
    int status = new CommandLine(new ConsoleMain()).execute(arguments);
    if (status != 0) {
      System.exit(status);
    }
  }

  @Override
  public Integer call() throws Exception {
    Settings settings = settings();
    Console console;
    try {
      console = Console.start(settings);
    } catch (IOException e) {
      error().println("switchboard-console: " + e.getMessage());
      return FAILED;
    }
    Runtime.getRuntime().addShutdownHook(new Thread(() -> terminate(console), "terminate"));
    PrintWriter out = Objects.requireNonNull(spec).commandLine().getOut();
    out.println(console.readyLine());
    out.flush();
    new CountDownLatch(1).await();
    return 0;
  }

  /** The shutdown hook. A signal would end the process with its number, so the hook ends it. */
  private static void terminate(Console console) {
    console.close();
    System.out.flush();
    Runtime.getRuntime().halt(0);
  }

  private Settings settings() {
    check(port >= 0 && port <= 65535, "--port", "0 to 65535");
    check(idleMinutes >= 1 && idleMinutes <= 1440, "--idle-minutes", "1 to 1440");
    check(
        (tlsCertificate == null) == (tlsKey == null),
        "--tls-certificate",
        "given together with --tls-key");
    check(
        prometheus == null || isWeb(prometheus.toString()), "--prometheus", "an http or https URL");
    check(
        behindTls || tlsKey != null || Settings.isLoopback(listen),
        "--listen",
        "a loopback address, or --tls-certificate or --behind-tls: else passwords would travel in"
            + " clear text");
    check(
        traceUrl == null || (isWeb(traceUrl) && traceUrl.contains("{trace_id}")),
        "--trace-url",
        "an http or https URL with {trace_id}");
    return new Settings(
        listen,
        port,
        addresses(),
        keys(),
        state,
        Set.copyOf(hosts),
        behindTls,
        tlsCertificate == null || tlsKey == null ? null : new Tls(tlsCertificate, tlsKey),
        gatewayCa,
        Duration.ofMinutes(idleMinutes),
        traceUrl,
        prometheus);
  }

  private List<GatewayAddress> addresses() {
    List<GatewayAddress> found = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (String each : gateways.isEmpty() ? List.of("http://127.0.0.1:9901") : gateways) {
      try {
        GatewayAddress address = GatewayAddress.parse(each);
        check(names.add(address.name()), "--gateway", "names that differ: " + address.name());
        found.add(address);
      } catch (IllegalArgumentException e) {
        throw wrong("--gateway: " + e.getMessage());
      }
    }
    return found;
  }

  private AdminKeys keys() {
    try {
      Map<Role, String> none = Map.of();
      return keysFile == null
          ? AdminKeys.of(none, System.getenv())
          : AdminKeys.of(AdminKeys.parse(Files.readAllLines(keysFile)), System.getenv());
    } catch (IOException e) {
      throw wrong("--keys-file: cannot read " + keysFile + ": " + e.getMessage());
    } catch (IllegalArgumentException e) {
      throw wrong("--keys-file: " + e.getMessage());
    }
  }

  private static boolean isWeb(String url) {
    try {
      String scheme = URI.create(url.replace("{trace_id}", "0")).getScheme();
      return "http".equals(scheme) || "https".equals(scheme);
    } catch (IllegalArgumentException _) {
      return false;
    }
  }

  private void check(boolean right, String option, String wanted) {
    if (!right) {
      throw wrong(option + " must be " + wanted);
    }
  }

  private ParameterException wrong(String message) {
    return new ParameterException(Objects.requireNonNull(spec).commandLine(), message);
  }

  private PrintWriter error() {
    return Objects.requireNonNull(spec).commandLine().getErr();
  }

  /** The jar's version. */
  static final class Version implements CommandLine.IVersionProvider {
    static String of() {
      String version = ConsoleMain.class.getPackage().getImplementationVersion();
      return version == null ? "development build" : version;
    }

    @Override
    public String[] getVersion() {
      return new String[] {"switchboard-console " + of()};
    }
  }
}
