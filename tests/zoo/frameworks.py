"""Schemas as object-relational mappers write them."""

from __future__ import annotations

import json

from zoo.registry import Maker, specimen


@specimen("frameworks")
def django_auth_sessions_and_admin_log(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE "django_migrations" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "app" varchar(255)
            NOT NULL, "name" varchar(255) NOT NULL, "applied" datetime NOT NULL);
        CREATE TABLE "django_content_type" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "app_label"
            varchar(100) NOT NULL, "model" varchar(100) NOT NULL);
        CREATE UNIQUE INDEX "django_content_type_app_label_model_76bd3d3b_uniq" ON "django_content_type"
            ("app_label", "model");
        CREATE TABLE "auth_user" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "password" varchar(128) NOT
            NULL, "last_login" datetime NULL, "is_superuser" bool NOT NULL, "username" varchar(150) NOT NULL
            UNIQUE, "email" varchar(254) NOT NULL, "is_staff" bool NOT NULL, "date_joined" datetime NOT NULL);
        CREATE TABLE "auth_group" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "name" varchar(150) NOT NULL
            UNIQUE);
        CREATE TABLE "auth_user_groups" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "user_id" integer NOT
            NULL REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED, "group_id" integer NOT NULL
            REFERENCES "auth_group" ("id") DEFERRABLE INITIALLY DEFERRED);
        CREATE UNIQUE INDEX "auth_user_groups_user_id_group_id_94350c0c_uniq" ON "auth_user_groups" ("user_id",
            "group_id");
        CREATE TABLE "django_admin_log" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "action_time" datetime
            NOT NULL, "object_id" text NULL, "object_repr" varchar(200) NOT NULL, "action_flag" smallint
            unsigned NOT NULL CHECK ("action_flag" >= 0), "change_message" text NOT NULL, "content_type_id"
            integer NULL REFERENCES "django_content_type" ("id") DEFERRABLE INITIALLY DEFERRED, "user_id"
            integer NOT NULL REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED);
        CREATE TABLE "django_session" ("session_key" varchar(40) NOT NULL PRIMARY KEY, "session_data" text NOT
            NULL, "expire_date" datetime NOT NULL);
        CREATE INDEX "django_session_expire_date_a5c62663" ON "django_session" ("expire_date");
        CREATE TABLE "shop_item" ("id" char(32) NOT NULL PRIMARY KEY, "price" decimal NOT NULL, "data" text NOT
            NULL CHECK ((JSON_VALID("data") OR "data" IS NULL)), "stock" integer unsigned NOT NULL CHECK
            ("stock" >= 0), "took" bigint NOT NULL, "ip" char(39) NULL, "day" date NULL, "at" time NULL,
            CONSTRAINT "stock_positive" CHECK ("stock" < 1000))
        """
    )
    stamp = "2024-05-01 10:11:12.123456"
    db.fill("django_migrations", [(1, "auth", "0001_initial", stamp), (2, "auth", "0002", "2024-05-01 10:11:12")])
    db.fill("django_content_type", [(1, "auth", "user")])
    db.fill("auth_user", [(1, "pbkdf2$x", None, 1, "root", "a@x", 1, stamp), (2, "!", stamp, 0, "bob", "", 0, stamp)])
    db.fill("auth_group", [(1, "editors")])
    db.fill("auth_user_groups", [(1, 2, 1)])
    db.fill("django_admin_log", [(1, stamp, "2", "bob", 1, '[{"added": {}}]', 1, 1)])
    db.fill("django_session", [("abc", "e30:x", stamp)])
    db.fill(
        "shop_item",
        [("a0eebc999c0b4ef8bb6d6bb9bd380a11", "19.990", '{"a": 1}', 5, 86400000000, "::1", "2024-05-01", "10:00:00")],
    )


@specimen("frameworks")
def sqlalchemy_with_enums_json_uuid_and_alembic(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY
            KEY (version_num));
        CREATE TABLE users (id CHAR(32) NOT NULL, email VARCHAR(255) NOT NULL, kind VARCHAR(6) NOT NULL, prefs
            JSON, is_active BOOLEAN DEFAULT 1 NOT NULL, created_at DATETIME DEFAULT (CURRENT_TIMESTAMP) NOT
            NULL, balance NUMERIC(10, 2), token BLOB, took DATETIME, PRIMARY KEY (id), CONSTRAINT uq_users_email
            UNIQUE (email), CONSTRAINT userkind CHECK (kind IN ('admin', 'member')));
        CREATE INDEX ix_users_created_at ON users (created_at);
        CREATE TABLE posts (id INTEGER NOT NULL, user_id CHAR(32) NOT NULL, title VARCHAR NOT NULL, tags JSON
            NOT NULL, score FLOAT, PRIMARY KEY (id), FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE
            CASCADE);
        CREATE TABLE tag_links (post_id INTEGER NOT NULL, tag VARCHAR(20) NOT NULL, PRIMARY KEY (post_id, tag),
            CONSTRAINT fk_post FOREIGN KEY(post_id) REFERENCES posts (id))
        """
    )
    user = "a0eebc999c0b4ef8bb6d6bb9bd380a11"
    db.fill("alembic_version", [("ae1027a6acf",)])
    db.fill(
        "users", [(user, "a@x", "admin", "null", 1, "2024-01-01 00:00:00", 10.5, b"\x01", "1970-01-01 00:05:00.000000")]
    )
    db.fill("posts", [(1, user, "t", '["a", "b"]', 0.5), (2, user, "u", "[]", None)])
    db.fill("tag_links", [(1, "a"), (1, "b"), (2, "a")])


@specimen("frameworks")
def prisma_with_millisecond_datetimes_and_join_tables(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE "_prisma_migrations" ("id" TEXT PRIMARY KEY NOT NULL, "checksum" TEXT NOT NULL,
            "finished_at" DATETIME, "migration_name" TEXT NOT NULL, "logs" TEXT, "rolled_back_at" DATETIME,
            "started_at" DATETIME NOT NULL DEFAULT current_timestamp, "applied_steps_count" INTEGER UNSIGNED NOT
            NULL DEFAULT 0);
        CREATE TABLE "User" ("id" TEXT NOT NULL PRIMARY KEY, "email" TEXT NOT NULL, "createdAt" DATETIME NOT
            NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" DATETIME NOT NULL, "admin" BOOLEAN NOT NULL DEFAULT
            false, "balance" DECIMAL NOT NULL DEFAULT 0, "meta" JSONB, "big" BIGINT, "bytes" BLOB);
        CREATE UNIQUE INDEX "User_email_key" ON "User"("email");
        CREATE TABLE "Post" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "authorId" TEXT, CONSTRAINT
            "Post_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES "User" ("id") ON DELETE SET NULL ON UPDATE
            CASCADE);
        CREATE TABLE "_PostToUser" ("A" INTEGER NOT NULL, "B" TEXT NOT NULL, CONSTRAINT "_PostToUser_A_fkey"
            FOREIGN KEY ("A") REFERENCES "Post" ("id") ON DELETE CASCADE ON UPDATE CASCADE, CONSTRAINT
            "_PostToUser_B_fkey" FOREIGN KEY ("B") REFERENCES "User" ("id") ON DELETE CASCADE ON UPDATE
            CASCADE);
        CREATE UNIQUE INDEX "_PostToUser_AB_unique" ON "_PostToUser"("A", "B");
        CREATE INDEX "_PostToUser_B_index" ON "_PostToUser"("B")
        """
    )
    db.fill(
        "_prisma_migrations",
        [("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "5e1f", 1700000000123, "init", None, None, 1700000000100, 1)],
    )
    db.fill(
        "User",
        [
            ("clq1", "a@x", 1700000000123, 1700000000456, 1, 10.25, '{"a": 1}', 2**60, b"\x00"),
            ("clq2", "b@x", "2024-01-01 00:00:00", 1700000000456, 0, 0, None, None, None),
        ],
    )
    db.fill("Post", [(1, "clq1"), (2, None)])
    db.fill("_PostToUser", [(1, "clq1"), (1, "clq2")])


@specimen("frameworks")
def rails_with_datetime_6_booleans_and_json(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE "schema_migrations" ("version" varchar NOT NULL PRIMARY KEY);
        CREATE TABLE "ar_internal_metadata" ("key" varchar NOT NULL PRIMARY KEY, "value" varchar, "created_at"
            datetime(6) NOT NULL, "updated_at" datetime(6) NOT NULL);
        CREATE TABLE "posts" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "title" varchar DEFAULT '' NOT
            NULL, "live" boolean DEFAULT 0, "meta" json DEFAULT '{}', "price" decimal(8,2), "user_id" integer
            NOT NULL, "lock_version" integer DEFAULT 0, "published" boolean, "created_at" datetime(6) NOT NULL,
            CONSTRAINT "fk_rails_5b5ddfd518" FOREIGN KEY ("user_id") REFERENCES "users" ("id"));
        CREATE TABLE "users" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "name" varchar(30) COLLATE
            "NOCASE", "born" date, "slug" uuid);
        CREATE INDEX "index_posts_on_user_id" ON "posts" ("user_id");
        CREATE UNIQUE INDEX "index_users_on_name" ON "users" ("name") WHERE name IS NOT NULL
        """
    )
    at = "2024-05-01 10:11:12.123456"
    db.fill("schema_migrations", [("20240501101112",), ("20240601000000",)])
    db.fill("ar_internal_metadata", [("environment", "development", at, at)])
    db.fill("users", [(1, "Ann", "1990-01-01", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")])
    db.fill("posts", [(1, "x", 1, '{"a":1}', 9.99, 1, 0, "t", at), (2, "y", 0, "{}", 10, 1, 0, "f", at)])


@specimen("frameworks")
def drizzle_with_integer_timestamps_and_text_json(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE `users` (`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL, `name` text NOT NULL,
            `created_at` integer DEFAULT (unixepoch()) NOT NULL, `updated_ms` integer, `verified` integer
            DEFAULT false, `settings` text DEFAULT '{}' NOT NULL, `role` text DEFAULT 'user');
        CREATE UNIQUE INDEX `users_name_unique` ON `users` (`name`);
        CREATE TABLE `sessions` (`id` text PRIMARY KEY NOT NULL, `user_id` integer NOT NULL, `expires_at`
            integer NOT NULL, FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE
            cascade);
        CREATE TABLE `__drizzle_migrations` (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric)
        """
    )
    db.fill("users", [(1, "ann", 1700000000, 1700000000123, 1, '{"theme":"dark"}', "admin")])
    db.fill("sessions", [("s1", 1, 1700009999)])
    db.fill("__drizzle_migrations", [(None, "abc", 1700000000123), (None, "def", 1700000000124)])


@specimen("frameworks")
def typeorm_with_simple_arrays_and_uuid_keys(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE "migrations" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "timestamp" bigint NOT NULL,
            "name" varchar NOT NULL);
        CREATE TABLE "photo" ("id" varchar PRIMARY KEY NOT NULL, "createdAt" datetime NOT NULL DEFAULT
            (datetime('now')), "tags" text NOT NULL, "status" varchar CHECK( "status" IN ('draft','live') ) NOT
            NULL DEFAULT ('draft'), "views" integer NOT NULL DEFAULT (0), "public" boolean NOT NULL DEFAULT (1),
            "authorId" integer, CONSTRAINT "UQ_1" UNIQUE ("tags"), CONSTRAINT "FK_a" FOREIGN KEY ("authorId")
            REFERENCES "author" ("id") ON DELETE NO ACTION ON UPDATE NO ACTION);
        CREATE TABLE "author" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL);
        CREATE TABLE "typeorm_metadata" ("type" varchar NOT NULL, "database" varchar, "schema" varchar, "table"
            varchar, "name" varchar, "value" text)
        """
    )
    db.fill("migrations", [(1, 1700000000123, "Init1700000000123")])
    db.fill("author", [(1,)])
    db.fill("photo", [("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "2024-01-01 00:00:00", "a,b,c", "live", 3, 1, 1)])


@specimen("frameworks")
def peewee_with_quoted_types_and_decimals(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE "note" ("id" INTEGER NOT NULL PRIMARY KEY, "body" TEXT NOT NULL, "price" DECIMAL(10, 5) NOT
            NULL, "when" DATETIME NOT NULL, "done" SMALLINT NOT NULL, "uid" TEXT NOT NULL, "bin" BLOB, "ts"
            INTEGER, "ratio" REAL);
        CREATE UNIQUE INDEX "note_uid" ON "note" ("uid")
        """
    )
    db.fill(
        "note",
        [
            (
                1,
                "x",
                "1.25000",
                "2024-01-01 10:00:00.123456",
                1,
                "a0eebc999c0b4ef8bb6d6bb9bd380a11",
                b"",
                1700000000,
                0.1,
            )
        ],
    )


@specimen("frameworks")
def android_room_with_metadata_tables(db: Maker) -> None:
    db.run(
        """
        PRAGMA user_version=7;
        CREATE TABLE android_metadata (locale TEXT);
        INSERT INTO android_metadata VALUES('en_US');
        CREATE TABLE room_master_table (id INTEGER PRIMARY KEY,identity_hash TEXT);
        INSERT INTO room_master_table VALUES(42,'d41d8cd98f00b204');
        CREATE TABLE `message` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `read` INTEGER NOT NULL,
            `sent_at` INTEGER, `thread` TEXT, `score` REAL NOT NULL, `thumb` BLOB, FOREIGN KEY(`thread`)
            REFERENCES `thread`(`id`) ON UPDATE NO ACTION ON DELETE CASCADE );
        CREATE TABLE `thread` (`id` TEXT NOT NULL, `flags` INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(`id`));
        CREATE INDEX `index_message_thread` ON `message` (`thread`);
        CREATE VIEW `unread` AS SELECT thread, COUNT(*) AS n FROM message WHERE read = 0 GROUP BY thread
        """
    )
    db.fill("thread", [("t1", 3), ("t2", 0)])
    db.fill(
        "message",
        [
            (1, 0, 1700000000123, "t1", 1.0, None),
            (2, 1, 1700000000999, "t2", 0.25, b"\x89PNG"),
            (3, 0, None, "t1", 0.0, b""),
        ],
    )


@specimen("frameworks")
def core_data_store(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE ZITEM ( Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER, ZDONE INTEGER, ZOWNER
            INTEGER, ZCREATED TIMESTAMP, ZPRICE DECIMAL, ZTITLE VARCHAR, ZUUID BLOB, ZDATA BLOB );
        CREATE INDEX ZITEM_ZOWNER_INDEX ON ZITEM (ZOWNER);
        CREATE TABLE Z_PRIMARYKEY (Z_ENT INTEGER PRIMARY KEY, Z_NAME VARCHAR, Z_SUPER INTEGER, Z_MAX INTEGER);
        CREATE TABLE Z_METADATA (Z_VERSION INTEGER PRIMARY KEY, Z_UUID VARCHAR(255), Z_PLIST BLOB);
        CREATE TABLE Z_1TAGS ( Z_1ITEMS INTEGER, Z_2TAGS INTEGER, PRIMARY KEY (Z_1ITEMS, Z_2TAGS) )
        """
    )
    uid = bytes.fromhex("a0eebc999c0b4ef8bb6d6bb9bd380a11")
    db.fill(
        "ZITEM",
        [
            (1, 1, 3, 0, None, 694224000.123456, 9.99, "Milk", uid, None),
            (2, 1, 1, 1, 1, 700000000, 1, None, uid, b"bplist00"),
        ],
    )
    db.fill("Z_PRIMARYKEY", [(1, "Item", 0, 2)])
    db.fill("Z_METADATA", [(1, "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", b"bplist00")])
    db.fill("Z_1TAGS", [(1, 1), (2, 1)])


@specimen("frameworks")
def sqlite_utils_and_datasette_with_fts_triggers(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE [articles] ([id] INTEGER PRIMARY KEY, [title] TEXT, [tags] TEXT, [score] FLOAT, [_hash]
            TEXT);
        CREATE VIRTUAL TABLE [articles_fts] USING FTS5 ([title], [tags], content=[articles]);
        CREATE TRIGGER [articles_ai] AFTER INSERT ON [articles] BEGIN INSERT INTO [articles_fts] (rowid,
            [title], [tags]) VALUES (new.rowid, new.[title], new.[tags]); END;
        CREATE TRIGGER [articles_ad] AFTER DELETE ON [articles] BEGIN INSERT INTO [articles_fts]
            ([articles_fts], rowid, [title], [tags]) VALUES('delete', old.rowid, old.[title], old.[tags]); END;
        CREATE TABLE "_counts" ([table] TEXT PRIMARY KEY, [count] INTEGER DEFAULT 0);
        CREATE VIEW recent AS SELECT * FROM [articles] ORDER BY id DESC LIMIT 3
        """
    )
    db.fill("articles", [(i, f"t{i}", json.dumps(["x"]), i / 3, None) for i in range(10)])
    db.fill("_counts", [("articles", 10)])
