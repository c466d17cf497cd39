package dev.switchboard.gateway.boot;

import dev.switchboard.gateway.fleet.ModelSpec;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code ./switchboard config}: looks at configurations without starting anything. */
@Command(
    name = "switchboard config",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    description = "Checks configuration files, writes one to begin with, and tells every key.")
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

  @Command(
      name = "check",
      description = "Says all that is wrong with a file; starts and changes nothing.")
  int check(@Parameters(paramLabel = "FILE.yaml") Path file) {
    try {
      GatewayConfig config =
          ConfigReader.read(
              file,
              flags -> {},
              read -> ConfigChecks.all(read, GatewayMain.named(read, GatewayMain.home())));
      List<ModelSpec> models = GatewayMain.served(config, GatewayMain.home());
      ConfigChecks.ofStore(config, models)
          .forEach(each -> log.println("note: " + each + "; valid if the store has it"));
      int changed = Reconfiguration.changes(GatewayConfig.DEFAULTS, config).size();
      out.println(file + " is valid: " + changed + " keys differ from the defaults");
      return 0;
    } catch (ConfigFaultsException e) {
      log.println(e.getMessage());
      int count = e.faults().size();
      log.println(file + ": " + (count == 1 ? "1 mistake" : count + " mistakes"));
      return 1;
    } catch (IllegalArgumentException e) {
      log.println(file + ": " + e.getMessage());
      return 1;
    }
  }

  @Command(
      name = "init",
      description = "Writes a file with every key, its meaning and its default.")
  int init(
      @Parameters(paramLabel = "FILE.yaml", arity = "0..1", description = "Else it is printed.")
          @Nullable Path file) {
    if (file == null) {
      out.print(ConfigTemplate.text());
      return 0;
    }
    try {
      Files.writeString(file, ConfigTemplate.text(), StandardOpenOption.CREATE_NEW);
      out.println(file + " is written; ./switchboard config check " + file + " judges it");
      return 0;
    } catch (FileAlreadyExistsException e) {
      log.println("there is a file " + file + " already; nothing was written");
    } catch (IOException e) {
      log.println("cannot write " + file + ": " + e.getMessage());
    }
    return 1;
  }

  @Command(name = "reference", description = "Prints every key, as a page in Markdown.")
  int reference() {
    out.print(ConfigReference.page());
    return 0;
  }
}
