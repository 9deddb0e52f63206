"""Apache Kafka, one node that is broker and controller (KRaft).

Rule: its jars come from `KAFKA_HOME`, or once from Maven Central into the cache; a download that was
interrupted is never taken for one that ended.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from base64 import urlsafe_b64encode
from pathlib import Path
from string import Template

from tools.servers.process import HOST, Server, free_port
from tools.servers.programs import LackingError, ServerError, cache_folder, require_program

VERSION = "4.1.0"
LOG4J = "2.24.3"
OLDEST_JAVA = 17
HEAP_MB = 512
CLUSTER = urlsafe_b64encode(b"industrialguard!").decode().rstrip("=")
"""Sixteen bytes; a random one may begin with `-`, which its tool takes for an option."""
JAVA_HOW = f"apt-get install openjdk-{OLDEST_JAVA}-jre-headless"
MAVEN_HOW = "apt-get install maven, or unpack Kafka and set KAFKA_HOME"

POM = Template("""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>industrialguard</groupId>
  <artifactId>kafka-for-tests</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$kafka</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId>
      <version>$log4j</version>
    </dependency>
  </dependencies>
</project>
""")

PROPERTIES = Template("""\
process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://$host:$port,CONTROLLER://$host:$controller
advertised.listeners=PLAINTEXT://$host:$port
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.quorum.bootstrap.servers=$host:$controller
log.dirs=$data
num.partitions=8
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
""")

LOGGING = """\
<Configuration status="error">
  <Appenders>
    <Console name="out" target="SYSTEM_ERR"><PatternLayout pattern="%d %p %c: %m%n"/></Console>
  </Appenders>
  <Loggers><Root level="warn"><AppenderRef ref="out"/></Root></Loggers>
</Configuration>
"""


class Kafka(Server):
    """A broker without topics.

    Args:
        folder: See `Server`.
    """

    name = "kafka"

    def __init__(self, folder: Path | None = None) -> None:
        self._java = require_program("java", how=JAVA_HOW)
        self._jars = find_jars()
        super().__init__(folder)
        self._controller = free_port(but=self.port)
        self._data = self.folder / "data"

    @property
    def url(self) -> str:
        """`HOST:PORT`, what clients call bootstrap servers."""
        return f"{HOST}:{self.port}"

    def version(self) -> str:
        """Its number."""
        (server,) = self._jars.glob("kafka-server-common-*.jar")
        return server.stem.rpartition("-")[2]

    def prepare(self) -> list[str]:
        """Write its configuration, and make its storage where there is none yet."""
        properties = self.folder / "server.properties"
        properties.write_text(
            PROPERTIES.substitute(host=HOST, port=self.port, controller=self._controller, data=self._data)
        )
        (self.folder / "log4j2.xml").write_text(LOGGING)
        if not self._data.exists():
            format_it = ["format", "--standalone", "-t", CLUSTER, "-c", str(properties)]
            command = self._command("kafka.tools.StorageTool", *format_it)
            made = subprocess.run(command, capture_output=True, text=True, check=False)
            if made.returncode:
                raise ServerError(f"kafka: no storage could be made:\n{made.stdout}{made.stderr}")
        return self._command("kafka.Kafka", str(properties))

    def _command(self, main: str, *arguments: str) -> list[str]:
        return [
            self._java,
            f"-Xmx{HEAP_MB}m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            f"-Dlog4j2.configurationFile={self.folder / 'log4j2.xml'}",
            "-cp",
            f"{self._jars}/*",
            main,
            *arguments,
        ]


def find_jars() -> Path:
    """The folder of its jars, fetched from Maven Central where there is none yet.

    Raises:
        LackingError: there is none, and no Maven to fetch it with, or it failed.
    """
    home = os.environ.get("KAFKA_HOME")
    if home:
        if not (Path(home) / "libs").is_dir():
            raise LackingError(f"KAFKA_HOME={home} has no folder libs; unpack Kafka there, or unset it")
        return Path(home) / "libs"
    jars = cache_folder() / f"kafka-{VERSION}"
    if not jars.is_dir():
        _fetch(jars)
    return jars


def _fetch(jars: Path) -> None:
    """Fetch beside it, then rename."""
    maven = require_program("mvn", how=MAVEN_HOW)
    jars.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=jars.parent) as folder:
        pom = Path(folder) / "pom.xml"
        pom.write_text(POM.substitute(kafka=VERSION, log4j=LOG4J))
        fetched = Path(folder) / "jars"
        command = [maven, "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"]
        command.append(f"-DoutputDirectory={fetched}")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not fetched.is_dir():
            reason = _first_line(done.stdout)
            raise LackingError(f"Kafka {VERSION} could not be fetched from Maven Central: {reason}")
        try:
            fetched.rename(jars)
        except OSError:
            if not jars.is_dir():
                raise
            shutil.rmtree(fetched)  # somebody else was faster


def _first_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[0][:300] if lines else "Maven said nothing"
