"""Bringing the schema up to date at the start, however late the database comes."""

from __future__ import annotations

import asyncio
from random import Random

import pymysql

from sim.services.chassis.backoff import Backoff
from sim.services.chassis.database import Database
from sim.services.chassis.logs import Logs
from sim.services.chassis.migrations import MigrationRefused, migrate, read_migrations
from sim.services.chassis.workers import Workers


class Schema:
    """``state`` is for health; ``done`` when the database may be used."""

    def __init__(self, database: Database, package: str, name: str, logs: Logs, random: Random) -> None:
        self._database = database
        self._package = package
        self._name = name
        self._logs = logs
        self._random = random
        self.state = "not begun"

    async def bring_up_to_date(self, workers: Workers) -> None:
        """Until it is. Raises MigrationRefused, with what a person has to put right."""
        backoff = Backoff(self._random)
        while not self._database.ready:
            if self._database.dependency.up:
                await self._attempt(workers)
            else:
                self.state = "waiting for the database"
            if not self._database.ready:
                await asyncio.sleep(backoff.next_s())

    async def _attempt(self, workers: Workers) -> None:
        self.state = "migrating"
        try:
            applied = await workers.run(self._migrate)
        except pymysql.err.Error as error:
            if not self._database.is_gone(error):
                raise MigrationRefused(f"a migration failed: {error}") from error
            self.state = f"database lost while migrating: {error}"
            self._database.dependency.suspect()
        except TimeoutError as error:
            self.state = str(error)
        else:
            if applied:
                self._logs.log("info", "schema migrated", files=applied)
            self._database.ready = True
            self.state = "done"

    def _migrate(self) -> list[str]:
        with self._database.migrating() as session:
            return migrate(session, self._name, read_migrations(self._package))
