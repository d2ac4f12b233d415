"""Databases of messengers and a mail program: generated columns, triggers with functions, searches of their own."""

from __future__ import annotations

from zoo.registry import Maker, specimen


@specimen("applications")
def signal_with_generated_columns_over_json(db: Maker) -> None:
    db.run(
        """
        PRAGMA user_version=1020;
        CREATE TABLE conversations(id STRING PRIMARY KEY ASC, json TEXT, active_at INTEGER, type STRING,
            members TEXT, name TEXT, profileName TEXT, profileFamilyName TEXT, profileFullName TEXT, e164
            TEXT, serviceId TEXT, groupId TEXT, profileLastFetchedAt INTEGER, expireTimerVersion INTEGER NOT
            NULL DEFAULT 1);
        CREATE TABLE messages(rowid INTEGER PRIMARY KEY ASC, id STRING UNIQUE, json TEXT, readStatus INTEGER,
            expires_at INTEGER, sent_at INTEGER, schemaVersion INTEGER, conversationId STRING, received_at
            INTEGER, source STRING, hasAttachments INTEGER, hasFileAttachments INTEGER,
            hasVisualMediaAttachments INTEGER, expireTimer INTEGER, expirationStartTimestamp INTEGER, type
            STRING, body TEXT, messageTimer INTEGER, messageTimerStart INTEGER, messageTimerExpiresAt
            INTEGER, isErased INTEGER, isViewOnce INTEGER, sourceServiceId TEXT, serverGuid STRING NULL,
            sourceDevice INTEGER, storyId STRING, isStory INTEGER GENERATED ALWAYS AS (type IS 'story'),
            isChangeCreatedByUs INTEGER NOT NULL DEFAULT 0,
        isTimerChangeFromSync INTEGER GENERATED ALWAYS AS (json_extract(json,
            '$.expirationTimerUpdate.fromSync') IS 1),
        seenStatus NUMBER default 0, storyDistributionListId STRING, expiresAt INT GENERATED ALWAYS AS
            (ifnull(expirationStartTimestamp + (expireTimer * 1000), 9007199254740991)),
        shouldAffectActivity INTEGER GENERATED ALWAYS AS (type IS NULL OR type NOT IN
            ('change-number-notification','contact-removed-notification','verified-change')),
        isUserInitiatedMessage INTEGER GENERATED ALWAYS AS (type IS NULL OR type NOT IN
            ('change-number-notification','group-v2-change')),
        mentionsMe INTEGER NOT NULL DEFAULT 0, isGroupLeaveEvent INTEGER GENERATED ALWAYS AS (type IS
            'group-v2-change' AND json_array_length(json_extract(json, '$.groupV2Change.details')) IS 1 AND
            json_extract(json, '$.groupV2Change.details[0].type') IS 'member-remove' AND json_extract(json,
            '$.groupV2Change.from') IS NOT NULL AND json_extract(json, '$.groupV2Change.from') IS
            json_extract(json, '$.groupV2Change.details[0].aci')),
        isGroupLeaveEventFromOther INTEGER GENERATED ALWAYS AS (isGroupLeaveEvent IS 1 AND
            isChangeCreatedByUs IS 0), callId TEXT GENERATED ALWAYS AS (json_extract(json, '$.callId')),
            callMode TEXT GENERATED ALWAYS AS (json_extract(json, '$.callMode')));
        CREATE INDEX messages_unread ON messages (conversationId, readStatus, type) WHERE readStatus IS NOT
            NULL;
        CREATE INDEX messages_preview ON messages (conversationId, shouldAffectActivity,
            isGroupLeaveEventFromOther, received_at, sent_at);
        CREATE INDEX messages_view_once ON messages (isErased, isViewOnce) WHERE isViewOnce = 1;
        CREATE INDEX messages_searchOrder on messages(received_at, sent_at);
        CREATE INDEX expiring ON messages (expiresAt);
        CREATE VIRTUAL TABLE messages_fts USING fts5(body, tokenize = 'unicode61');
        CREATE TRIGGER messages_on_insert AFTER INSERT ON messages WHEN new.isViewOnce IS NOT 1 AND
            new.storyId IS NULL
        BEGIN
        INSERT INTO messages_fts (rowid, body) VALUES (new.rowid, new.body);
        END;
        CREATE TRIGGER messages_on_delete AFTER DELETE ON messages BEGIN
        DELETE FROM messages_fts WHERE rowid = old.rowid;
        DELETE FROM reactions WHERE rowid IN (SELECT rowid FROM reactions WHERE messageId = old.id);
        END;
        CREATE TABLE reactions(conversationId STRING, emoji STRING, fromId STRING, messageReceivedAt INTEGER,
            targetAuthorAci STRING, targetTimestamp INTEGER, unread INTEGER, messageId STRING, timestamp
            NUMBER);
        CREATE TABLE kyberPreKeys(id STRING PRIMARY KEY NOT NULL, json TEXT NOT NULL, ourServiceId NUMBER
            GENERATED ALWAYS AS (json_extract(json, '$.ourServiceId')));
        CREATE TABLE sendLogPayloads(id INTEGER PRIMARY KEY ASC, timestamp INTEGER NOT NULL, contentHint
            INTEGER NOT NULL, proto BLOB NOT NULL, urgent INTEGER, hasPniSignatureMessage INTEGER DEFAULT 0
            NOT NULL);
        CREATE TABLE sendLogRecipients(payloadId INTEGER NOT NULL, recipientServiceId STRING NOT NULL,
            deviceId INTEGER NOT NULL, PRIMARY KEY (payloadId, recipientServiceId, deviceId), CONSTRAINT
            sendLogRecipientsForeignKey FOREIGN KEY (payloadId) REFERENCES sendLogPayloads(id) ON DELETE
            CASCADE);
        CREATE TABLE storyDistributions(id STRING PRIMARY KEY NOT NULL, name TEXT, senderKeyInfoJson STRING,
            deletedAtTimestamp INTEGER, allowsReplies INTEGER, isBlockList INTEGER, storageID STRING);
        CREATE TABLE items(id STRING PRIMARY KEY ASC, json TEXT);
        CREATE TABLE callsHistory (callId TEXT PRIMARY KEY, peerId TEXT NOT NULL, ringerId TEXT DEFAULT NULL,
            mode TEXT NOT NULL, timestamp INTEGER NOT NULL, UNIQUE (callId, peerId) ON CONFLICT FAIL);
        CREATE TABLE mentions (messageId REFERENCES messages(id) ON DELETE CASCADE, mentionAci STRING, start
            INTEGER, length INTEGER);
        """
    )
    db.run(
        """
        INSERT INTO conversations(id,json,active_at,type,e164)
            VALUES('d7b3c1c0-0000-4000-8000-000000000001','{"id":1}',1700000000123,'private','+491701234567'),(12,'{}',NULL,'group',NULL),('007','{}',NULL,'x',5)
        """
    )
    change = (
        '{"expirationTimerUpdate":{"fromSync":true},"groupV2Change":{"details":[{"type":"member-remove","aci":"a"}],'
        '"from":"a"},"callId":"c1"}'
    )
    for row in (
        ("1e5", '{"callMode":null}', 0, "story", "hi 👋🏽", None, None),
        ("m1", change, 1, "incoming", "", 1, 1700000000000),
        ("m2", '{"callMode":null}', 2, None, None, 2, None),
        ("m3", change, 3, "group-v2-change", "ü", 3, 1700000000000),
        ("m4", "{}", 4, "change-number-notification", "x" * 5000, 4, None),
    ):
        db.run(
            "INSERT INTO messages(id,json,received_at,type,body,expireTimer,expirationStartTimestamp)"
            " VALUES(?,?,?,?,?,?,?)",
            row,
        )
    db.run(
        """
        INSERT INTO reactions
            VALUES('1','👍','+49',1,'x',1.5,1,'m1',1700000000123),('c','😀','y',2,'z',3,0,1e5,1700000000.5)
        """
    )
    db.run("INSERT INTO kyberPreKeys(id,json) VALUES('u:1','{\"ourServiceId\":\"abc\"}'),(5,'{}')")
    db.run("INSERT INTO sendLogPayloads VALUES(1,1700000000000,1,x'00ff',1,0)")
    db.run("INSERT INTO sendLogRecipients VALUES(1,'a',1),(1,22,2)")
    db.run("INSERT INTO items VALUES('x','{\"value\":1}'),(3,NULL)")
    db.run("INSERT INTO callsHistory VALUES('-5','p',NULL,'Group',1700000000000)")
    db.run("INSERT INTO mentions VALUES('m1','a',0,1)")


@specimen("applications")
def ios_messages_with_functions_in_triggers(db: Maker) -> None:
    db.connection.create_scalar_function("guid_for_chat", lambda *a: "g")
    db.connection.create_scalar_function("before_delete_attachment_path", lambda *a: None)
    db.connection.create_scalar_function("verify_chat", lambda *a: 1)
    db.run(
        """
        CREATE TABLE _SqliteDatabaseProperties (key TEXT, value TEXT, UNIQUE(key));
        CREATE TABLE handle (ROWID INTEGER PRIMARY KEY AUTOINCREMENT UNIQUE, id TEXT NOT NULL, country TEXT,
            service TEXT NOT NULL, uncanonicalized_id TEXT, person_centric_id TEXT, UNIQUE (id, service) );
        CREATE TABLE chat (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, style INTEGER,
            state INTEGER, account_id TEXT, properties BLOB, chat_identifier TEXT, is_archived INTEGER
            DEFAULT 0, last_read_message_timestamp INTEGER DEFAULT 0);
        CREATE TABLE message (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, text TEXT,
            replace INTEGER DEFAULT 0, handle_id INTEGER DEFAULT 0, subject TEXT, attributedBody BLOB,
            version INTEGER DEFAULT 0, type INTEGER DEFAULT 0, service TEXT, date INTEGER, date_read INTEGER,
            date_delivered INTEGER, is_delivered INTEGER DEFAULT 0, cache_has_attachments INTEGER DEFAULT 0,
            expire_state INTEGER DEFAULT 0, message_summary_info BLOB DEFAULT NULL, is_corrupt INTEGER
            DEFAULT 0);
        CREATE TABLE attachment (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL,
            created_date INTEGER DEFAULT 0, start_date INTEGER DEFAULT 0, filename TEXT, uti TEXT,
            total_bytes INTEGER DEFAULT 0, user_info BLOB);
        CREATE TABLE chat_handle_join ( chat_id INTEGER REFERENCES chat (ROWID) ON DELETE CASCADE, handle_id
            INTEGER REFERENCES handle (ROWID) ON DELETE CASCADE, UNIQUE(chat_id, handle_id));
        CREATE TABLE chat_message_join ( chat_id INTEGER REFERENCES chat (ROWID) ON DELETE CASCADE,
            message_id INTEGER REFERENCES message (ROWID) ON DELETE CASCADE, message_date INTEGER DEFAULT 0,
            PRIMARY KEY (chat_id, message_id));
        CREATE TABLE message_attachment_join (message_id INTEGER REFERENCES message (ROWID) ON DELETE
            CASCADE, attachment_id INTEGER REFERENCES attachment (ROWID) ON DELETE CASCADE,
            UNIQUE(message_id, attachment_id));
        CREATE TABLE deleted_messages (ROWID INTEGER PRIMARY KEY AUTOINCREMENT UNIQUE, guid TEXT NOT NULL);
        CREATE INDEX message_idx_is_read ON message(date_read, is_delivered) WHERE is_corrupt = 0;
        CREATE INDEX message_idx_undelivered_one_to_one_imessage ON
            message(cache_has_attachments,is_delivered,date) WHERE service='iMessage' AND is_delivered=0;
        CREATE TRIGGER add_to_deleted_messages AFTER DELETE ON message BEGIN INSERT INTO deleted_messages
            (guid) VALUES (OLD.guid); END;
        CREATE TRIGGER after_delete_on_chat AFTER DELETE ON chat BEGIN DELETE FROM chat_message_join WHERE
            chat_id = OLD.ROWID; END;
        CREATE TRIGGER after_delete_on_chat_message_join AFTER DELETE ON chat_message_join BEGIN UPDATE
            message SET cache_has_attachments = 0 WHERE message.ROWID = OLD.message_id; DELETE FROM message
            WHERE message.ROWID = OLD.message_id AND OLD.message_id NOT IN (SELECT
            chat_message_join.message_id from chat_message_join WHERE chat_message_join.message_id =
            OLD.message_id LIMIT 1); END;
        CREATE TRIGGER after_insert_on_message_attachment_join AFTER INSERT ON message_attachment_join BEGIN
            UPDATE message SET cache_has_attachments = 1 WHERE message.ROWID = NEW.message_id; END;
        CREATE TRIGGER before_delete_on_attachment BEFORE DELETE ON attachment BEGIN SELECT
            before_delete_attachment_path(OLD.ROWID, OLD.guid); END;
        CREATE TRIGGER update_last_failed_message_date AFTER UPDATE OF date_read ON message WHEN
            NEW.date_read != OLD.date_read BEGIN INSERT OR REPLACE INTO _SqliteDatabaseProperties (key,value)
            VALUES ('last', (SELECT MAX(date_read) FROM message)); END;
        """
    )
    db.fill("_SqliteDatabaseProperties", [("_ClientVersion", "14006"), ("counter_in_all", "12.5")])
    db.fill("handle", [(1, "+1555", "us", "iMessage", None, None), (2, "a@b.c", None, "SMS", "A@B.c", None)])
    db.fill(
        "chat",
        [
            (
                1,
                "iMessage;-;+1555",
                45,
                3,
                "AAAA1111-2222-4333-8444-555566667777",
                b"bplist00",
                "+1555",
                0,
                721692800000000000,
            )
        ],
    )
    db.fill(
        "message",
        [
            (
                i,
                f"1B2C3D4E-0000-4000-8000-00000000000{i:X}",
                ("hello", None, "\ufffc", "é")[i % 4],
                0,
                i % 3,
                None,
                b"\x04\x0bstreamtyped",
                10,
                0,
                ("iMessage", "SMS")[i % 2],
                (721692800000000000, 694224000)[i % 2] + i,
                0,
                None,
                i % 2,
                0,
                0,
                None,
                0,
            )
            for i in range(1, 8)
        ],
    )
    db.fill("attachment", [(1, "at_0_1B2C", 721692800, 0, "~/Library/SMS/x.heic", "public.heic", 123456, None)])
    db.fill("chat_handle_join", [(1, 1)])
    db.fill("chat_message_join", [(1, i, 1) for i in range(1, 5)] + [(1, 99, 0)])
    db.fill("message_attachment_join", [(1, 1)])


@specimen("applications", rejects={"messageAttributes": 1})
def thunderbird_with_a_tokenizer_that_is_not_available(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE folderLocations (id INTEGER PRIMARY KEY, folderURI TEXT NOT NULL, dirtyStatus INTEGER
            NOT NULL, name TEXT NOT NULL, indexingPriority INTEGER NOT NULL);
        CREATE TABLE messages (id INTEGER PRIMARY KEY, folderID INTEGER, messageKey INTEGER, conversationID
            INTEGER NOT NULL, date INTEGER, headerMessageID TEXT, deleted INTEGER NOT NULL default 0,
            jsonAttributes TEXT, notability INTEGER NOT NULL default 0);
        CREATE INDEX messages_messageLocation ON messages(folderID, messageKey);
        CREATE TABLE attributeDefinitions (id INTEGER PRIMARY KEY, attributeType INTEGER NOT NULL,
            extensionName TEXT NOT NULL, name TEXT NOT NULL, parameter BLOB);
        CREATE TABLE messageAttributes (conversationID INTEGER NOT NULL, messageID INTEGER NOT NULL,
            attributeID INTEGER NOT NULL, value NUMERIC);
        CREATE INDEX messageAttributes_attribFastDeletion ON messageAttributes(messageID);
        CREATE TABLE contacts (id INTEGER PRIMARY KEY, directoryUUID TEXT, contactUUID TEXT, popularity
            INTEGER, frecency INTEGER, name TEXT, jsonAttributes TEXT);
        CREATE TABLE identities (id INTEGER PRIMARY KEY, contactID INTEGER NOT NULL, kind TEXT NOT NULL,
            value TEXT NOT NULL, description TEXT NOT NULL, relay INTEGER NOT NULL);
        """
    )
    db.declare(
        "table",
        "messagesText",
        "CREATE VIRTUAL TABLE messagesText USING fts3(body TEXT, subject TEXT,"
        " attachmentNames TEXT, author TEXT, recipients TEXT, tokenize mozporter)",
    )
    db.run(
        """
        CREATE TABLE 'messagesText_content'(docid INTEGER PRIMARY KEY, 'c0body', 'c1subject',
            'c2attachmentNames', 'c3author', 'c4recipients'); CREATE TABLE 'messagesText_segments'(blockid
            INTEGER PRIMARY KEY, block BLOB); CREATE TABLE 'messagesText_segdir'(level INTEGER,idx
            INTEGER,start_block INTEGER,leaves_end_block INTEGER,end_block INTEGER,root BLOB,PRIMARY
            KEY(level, idx))
        """
    )
    db.fill("messagesText_content", [(1, "hello", "s", None, "a", "b")])
    db.fill("messagesText_segdir", [(0, 0, 0, 0, "0 5", b"\0")])
    db.fill("folderLocations", [(1, "imap://a@b/INBOX", 0, "Inbox", 10)])
    db.fill(
        "messages",
        [(1, 1, 5, 1, 1700000000123456, "a@b", 0, '{"43":[1]}', 0), (2, None, None, 1, None, None, 1, None, 0)],
    )
    db.fill(
        "attributeDefinitions",
        [(32, 1, "built-in", "fromMe", None), (33, 1, "built-in", "folder", b"1"), (34, 1, "x", "tag", "$label1")],
    )
    db.fill(
        "messageAttributes",
        [(1, 1, 32, 1), (1, 1, 33, "2.5"), (1, 1, 34, "x"), (1, 1, 35, b"\0"), (1, 1, 36, 1700000000123456)],
    )
    db.fill("contacts", [(1, None, "d7b3c1c0-0000-4000-8000-000000000001", 1, 1, "A", "{}")])
    db.fill("identities", [(1, 1, "email", "a@b", "", 0)])
