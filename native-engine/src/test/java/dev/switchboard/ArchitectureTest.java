package dev.switchboard;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** Which package may know which: what the design says in words. */
@AnalyzeClasses(packages = "dev.switchboard", importOptions = ImportOption.DoNotIncludeTests.class)
final class ArchitectureTest {

  @ArchTest
  static final ArchRule packagesHaveNoCycles =
      slices().matching("dev.switchboard.(*)..").should().beFreeOfCycles();

  @ArchTest
  static final ArchRule onlyTheWorkerAndItsFramingKnowVertx =
      noClasses()
          .that()
          .resideOutsideOfPackages("dev.switchboard.worker..", "dev.switchboard.framing..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("io.vertx..", "io.netty..");

  @ArchTest
  static final ArchRule foreignMemoryStaysInGgufAndExecutor =
      noClasses()
          .that()
          .resideOutsideOfPackages("dev.switchboard.gguf..", "dev.switchboard.executor..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("java.lang.foreign..");

  @ArchTest
  static final ArchRule openAiTypesLoadNothingNative =
      noClasses()
          .that()
          .resideInAnyPackage("dev.switchboard.openai..", "dev.switchboard.timeline..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "dev.switchboard.executor..",
              "dev.switchboard.gguf..",
              "dev.switchboard.scheduler..",
              "dev.switchboard.worker..");

  @ArchTest
  static final ArchRule chatTemplatesCannotReachTheMachine =
      noClasses()
          .that()
          .resideInAPackage("dev.switchboard.chat..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "java.lang.reflect..",
              "java.io..",
              "java.nio.file..",
              "java.net..",
              "java.lang.invoke..");

  @ArchTest
  static final ArchRule nothingButTheWorkerStartsThings =
      noClasses()
          .that()
          .resideOutsideOfPackage("dev.switchboard.worker..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("dev.switchboard.worker..", "picocli..");

  @ArchTest
  static final ArchRule schedulerTakesItsClockAsAnArgument =
      noClasses()
          .that()
          .haveNameMatching("dev\\.switchboard\\.(scheduler\\.Scheduler|kv\\.).*")
          .should()
          .callMethod(System.class, "nanoTime")
          .orShould()
          .callMethod(System.class, "currentTimeMillis");
}
