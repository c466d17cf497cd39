package dev.switchboard.gateway.boot;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.fleet.ModelSpec;
import dev.switchboard.gateway.fleet.UpstreamAccess;
import dev.switchboard.gateway.routing.Router;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code ./switchboard config}: looks at configurations without starting anything. */
@Command(
    name = "switchboard config",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    description = "Checks configuration files, and tells every key.")
public final class ConfigMain {
  private final PrintStream out;
  private final PrintStream log;

  ConfigMain(PrintStream out, PrintStream log) {
    this.out = out;
    this.log = log;
  }

  public static void main(String[] arguments) {
    System.exit(run(System.out, System.err, arguments));
  }

  static int run(PrintStream out, PrintStream log, String... arguments) {
    return new CommandLine(new ConfigMain(out, log)).execute(arguments);
  }

  @Command(name = "check", description = "Says whether a gateway could start with a file.")
  int check(@Parameters(paramLabel = "FILE.yaml") Path file) {
    try {
      ObjectNode tree = ConfigReader.defaults();
      ConfigReader.overlay(tree, file);
      GatewayConfig config = ConfigReader.read(tree);
      List<ModelSpec> models = GatewayMain.served(config, GatewayMain.home());
      for (int i = 0; i < config.upstreams().size(); i++) {
        UpstreamAccess.check(config.upstreams().get(i), "upstreams." + i, Instant.now());
      }
      ListenerTls.check(config);
      Router _ = new Router(config.routing(), config.routes(), names(config, models));
      int changed = Reconfiguration.changes(GatewayConfig.DEFAULTS, config).size();
      out.println(file + " is valid: " + changed + " keys differ from the defaults");
      return 0;
    } catch (IllegalArgumentException e) {
      log.println(file + ": " + e.getMessage());
      return 1;
    }
  }

  private static Set<String> names(GatewayConfig config, List<ModelSpec> models) {
    Set<String> names = new HashSet<>();
    models.forEach(model -> names.add(model.servedName()));
    config.upstreams().forEach(upstream -> names.addAll(upstream.models()));
    return names;
  }

  @Command(name = "reference", description = "Prints every key, as a page in Markdown.")
  int reference() {
    out.print(ConfigReference.page());
    return 0;
  }
}
